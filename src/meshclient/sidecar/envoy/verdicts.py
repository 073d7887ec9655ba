"""Whether Envoy took what it was given.

It says so in its statistics: for each part of its configuration the version it goes by, and how many updates it
refused. Files have no answer of their own, so these are looked at after each change, until they tell.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient.sidecar.envoy.served import APART
from meshclient.sidecar.envoy.vocabulary import OUTBOUND

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_PARTS = {
    "cds": "cluster_manager.cds",
    "rds": f"http.{OUTBOUND}.rds.{OUTBOUND}",
    "lds": "listener_manager.lds",
}
_REFUSED = ("update_rejected", "update_failure")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What Envoy made of a file.

    Args:
        file: as `meshclient.sidecar.envoy.folder` names it.
        version: that was given.
        taken: whether it goes by it; else it refused it, and goes by the one before.
    """

    file: str
    version: str
    taken: bool


def pattern(files: Iterable[str]) -> str:
    """A regular expression for the statistics that tell of `files`."""
    parts = "|".join(re.escape(_part(file)) for file in files)
    return rf"^({parts})\.(version_text|update_rejected|update_failure)$"


def verdicts(files: Mapping[str, str], before: Mapping[str, str], stats: Mapping[str, str]) -> list[Verdict]:
    """What is known by now of each of `files`, given with the version that was written.

    Args:
        files: versions by file.
        before: the statistics before they were written.
        stats: those of now.
    """
    known = []
    for file, version in files.items():
        part = _part(file)
        if stats.get(f"{part}.version_text") == version:
            known.append(Verdict(file, version, taken=True))
        elif any(_count(stats, part, name) > _count(before, part, name) for name in _REFUSED):
            known.append(Verdict(file, version, taken=False))
    return known


def _part(file: str) -> str:
    return _PARTS.get(file) or f"cluster.{file.partition('/')[2].partition(APART)[0]}"


def _count(stats: Mapping[str, str], part: str, name: str) -> int:
    return int(stats.get(f"{part}.{name}", "0"))
