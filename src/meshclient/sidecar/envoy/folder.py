"""Envoy's configuration as files, swapped atomically.

Each file has a folder of its own and is written elsewhere, because Envoy's watch of a folder wakes for everything that
happens in it. Every file watched takes one inotify instance of the user's (often 128), without which Envoy ends; so
endpoints have files of their own for some clusters only, and beyond that are written into the one file of the clusters.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from meshclient.sidecar.envoy.bootstrap import in_file
from meshclient.sidecar.envoy.served import APART

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from meshclient.sidecar.envoy.resources import Resources
    from meshclient.sidecar.envoy.vocabulary import Document

# Clusters with a file of their own, as measured with a limit of 128 instances for everything the user runs.
MOST_APART = 60
_INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")
_LISTENERS, _ROUTES, CLUSTERS, _ENDPOINTS = "lds", "rds", "cds", "eds"


class Folder:
    """One Envoy's.

    Args:
        path: made where it is missing.
        most_apart: clusters up to which endpoints are in files of their own.
    """

    def __init__(self, path: Path, most_apart: int = MOST_APART) -> None:
        self.path = path.resolve()
        self._most_apart = min(most_apart, _affordable())
        self._within = False
        # By file, what is on disk; and what was, when Envoy last took it.
        self._written: dict[str, str] = {}
        self._good: dict[str, str] = {}
        self._listed: set[str] = set()
        self._clusters: Mapping[str, str] = {}
        self._good_clusters: Mapping[str, str] = {}
        self._held: dict[str, str] = {}
        self._scratch = self.path / "new"

    def make(self) -> None:
        """Make the folder, empty, and readable by its owner alone: what services are called is nobody's business."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.path.mkdir(mode=0o700, parents=True)
        self._scratch.mkdir()
        for kind in (_LISTENERS, _ROUTES, CLUSTERS, _ENDPOINTS):
            (self.path / kind).mkdir()

    def remove(self) -> None:
        """Remove it with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)

    @property
    def routes(self) -> Document:
        """As in `Sources`."""
        return self._source(_ROUTES)

    @property
    def listeners(self) -> Document:
        """The source of listeners."""
        return self._source(_LISTENERS)

    @property
    def clusters(self) -> Document:
        """The source of clusters."""
        return self._source(CLUSTERS)

    def assignment(self, listing: str, count: int) -> Document | None:
        """As in `Sources`; once there were too many clusters it stays within them, rather than go to and fro."""
        self._within = self._within or count > self._most_apart
        return None if self._within else self._source(_apart(listing))

    def write(self, resources: Resources) -> dict[str, str]:
        """Bring the files up to date; the versions of those that changed, by file.

        Endpoints before the clusters that refer to them, clusters before the routes that do.
        """
        changed: dict[str, str] = {}
        for name, text in resources.assignments.items():
            self._put(_apart(name), {name: text}, changed)
        self._clusters = self._sound(resources.clusters)
        self._put(CLUSTERS, self._clusters, changed)
        self._put(_ROUTES, resources.routes, changed)
        self._put(_LISTENERS, resources.listeners, changed)
        self._listed = set(map(_apart, resources.assignments))
        return changed

    def has(self, file: str) -> bool:
        """Whether there is such a file."""
        return file in self._written

    @property
    def whole(self) -> frozenset[str]:
        """The files that are not of one service."""
        return frozenset((_LISTENERS, _ROUTES, CLUSTERS))

    @property
    def lacking(self) -> frozenset[str]:
        """Those of which Envoy has taken none yet."""
        return self.whole - self._good.keys()

    def accept(self, file: str, version: str) -> None:
        """Envoy goes by `version` of `file`."""
        if version_of(self._written.get(file, "")) == version:
            self._good[file] = self._written[file]
            if file == CLUSTERS:
                self._good_clusters = self._clusters
                self._clear()

    def restore(self, file: str, version: str) -> bool:
        """Put back what Envoy goes by in place of a refused version; False where there is nothing to put back.

        Envoy itself would keep it until its next start.
        """
        good = self._good.get(file)
        if good is None or version_of(self._written.get(file, "")) != version:
            return False
        self._swap(file, good)
        return True

    @property
    def held(self) -> bool:
        """Whether clusters are left as they were because Envoy refuses what they are to be."""
        return bool(self._held)

    def hold(self, reason: str) -> bool:
        """Leave clusters that `reason` names as they were, so that one that is wrong does not keep the others back.

        False where it names none that is new.
        """
        fresh = {name: text for name, text in self._clusters.items() if self._good_clusters.get(name) != text}
        blamed = {name for name in fresh if re.search(rf"(?<![\w.-]){re.escape(name)}: ", reason)}
        self._held |= {name: fresh[name] for name in blamed}
        return bool(blamed)

    def offer_again(self, files: Iterable[str]) -> None:
        """Have `write` write these although they were refused: what they name, such as a certificate, may have come."""
        self._held.clear()
        for file in files:
            if file in self._good:
                self._written[file] = self._good[file]

    def _sound(self, clusters: Mapping[str, str]) -> dict[str, str]:
        """The clusters, with those that are held as they were, or left out where they never were."""
        self._held = {name: text for name, text in self._held.items() if clusters.get(name) == text}
        before = self._good_clusters
        chosen = {name: before.get(name, "") if name in self._held else text for name, text in clusters.items()}
        return {name: text for name, text in chosen.items() if text}

    def _clear(self) -> None:
        """Remove the lists that no cluster goes by any more; until now one did, or would after a restart."""
        for file in [file for file in self._written if is_listing(file) and file not in self._listed]:
            if file.partition("/")[2].partition(APART)[0] in self._held:
                continue
            # The folder stays: Envoy may still watch it, and the next list of that name finds it.
            (self.path / file / "all.json").unlink(missing_ok=True)
            del self._written[file]
            self._good.pop(file, None)

    def _put(self, file: str, texts: Mapping[str, str], changed: dict[str, str]) -> None:
        resources = ",".join(texts.values())
        version = hashlib.sha256(resources.encode()).hexdigest()[:12]
        text = f'{{"version_info":"{version}","resources":[{resources}]}}'
        if self._written.get(file) != text:
            self._written[file] = text
            self._swap(file, text)
            changed[file] = version

    def _swap(self, file: str, text: str) -> None:
        folder = self.path / file
        folder.mkdir(exist_ok=True)
        new = self._scratch / "next.json"
        new.write_text(text)
        new.replace(folder / "all.json")

    def _source(self, file: str) -> Document:
        folder = self.path / file
        return in_file(str(folder / "all.json"), str(folder))


def version_of(text: str) -> str:
    """The version in a file's text."""
    found = re.match(r'\{"version_info":"([0-9a-f]+)"', text)
    return found[1] if found else ""


def is_listing(file: str) -> bool:
    """Whether it is a list of endpoints."""
    return file.startswith(f"{_ENDPOINTS}/")


def _apart(listing: str) -> str:
    return f"{_ENDPOINTS}/{listing}"


def _affordable() -> int:
    """Half of what the user may have at all: other programs watch files too."""
    try:
        most = int(_INSTANCES.read_text())
    except (OSError, ValueError):
        return MOST_APART
    return max(0, most // 2 - 4)
