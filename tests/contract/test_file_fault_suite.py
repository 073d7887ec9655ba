"""The fault suite of all resolvers, for ``file://``: what can happen to a file instead of to a server."""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from typing import TYPE_CHECKING, ClassVar

import pytest

from fault_suite import FaultSuite, case
from meshclient.discovery.file import FileResolver
from meshclient.discovery.resolver import ResolverUri
from servers.faults import HttpFault, LinkFault

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from servers.faults import Fault

pytestmark = pytest.mark.registry("file", "faults")

NOBODY_ANSWERS = "a file is read and not asked: there is nobody to"


class TestFileFaults(FaultSuite):
    lacks: ClassVar = {
        "never_answers": f"{NOBODY_ANSWERS} be silent",
        "half_open": f"{NOBODY_ANSWERS} be connected to",
        "throttled": f"{NOBODY_ANSWERS} limit its readers",
        "slow_in_time": f"{NOBODY_ANSWERS} be slow",
        "too_slow": f"{NOBODY_ANSWERS} be slow",
        "denied": "whether it may be read is the operating system's to say, which denies nothing to root",
    }
    repeats = False
    gone = (case(LinkFault(refuse=True), says=["No such file"]),)
    errors = (case(HttpFault(status=500), says=["Is a directory"]),)
    garbage = (
        case(HttpFault(body="<html>It works!</html>"), says=["mesh.json"]),
        case(HttpFault(body="\0\0\0\0"), says=["mesh.json"]),
        case(HttpFault(body='{"services": 7}'), says=["mesh.json", "services"]),
    )
    truncation = (
        case(HttpFault(truncate=0), says=["mesh.json"]),
        case(HttpFault(truncate=20), says=["mesh.json"]),
    )

    @pytest.fixture(autouse=True)
    def _registry(self, tmp_path: Path) -> None:
        self.path = tmp_path / "mesh.json"
        self.listed: defaultdict[str, set[int]] = defaultdict(set)
        self.broken = False

    def resolver(self, timeout: float) -> FileResolver:
        return FileResolver(ResolverUri.parse(f"file://{self.path}"), poll=0.02)

    def encode(self) -> str:
        services = {name: {"endpoints": list(map(self.place, sorted(each)))} for name, each in self.listed.items()}
        return json.dumps({"services": services})

    def save(self) -> None:
        """Renamed into place; what is written while the file is broken is seen once it is whole again."""
        if not self.broken:
            self.replace(self.encode())

    def replace(self, text: str) -> None:
        draft = self.path.with_name("draft")
        draft.write_text(text)
        if self.path.is_dir():
            shutil.rmtree(self.path)
        draft.rename(self.path)

    def write(self, name: str, numbers: Sequence[int]) -> None:
        self.listed[name].update(numbers)
        self.save()

    def remove(self, name: str, number: int) -> None:
        self.listed[name].remove(number)
        self.save()

    def apply(self, *faults: Fault) -> None:
        self.broken = bool(faults)
        for fault in faults:
            if isinstance(fault, LinkFault):
                self.path.unlink()
            elif isinstance(fault, HttpFault) and fault.status:
                self.path.unlink()
                self.path.mkdir()
            elif isinstance(fault, HttpFault):
                whole = self.encode() if fault.body is None else str(fault.body)
                self.replace(whole[: fault.truncate])
        self.save()

    def kill(self) -> None:
        self.path.unlink()

    def lose_data(self) -> None:
        self.listed.clear()
        self.save()
