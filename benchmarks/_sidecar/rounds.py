"""Running the cells: all of them once a round, those of a kind after each other, in an order that moves on."""

from __future__ import annotations

import sys
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from _sidecar import change, contestant, usage
from _sidecar.cell import DIRECT, KINDS, RATE, Cell, Result
from _sidecar.contestant import Missing, Proxy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from _sidecar.backend import Backend
    from _sidecar.load import Done, Load

WARM_UP = 0.5
CHANGES = 30


@dataclass(slots=True)
class Course:
    """A run of several rounds.

    Args:
        backend: what is proxied to.
        load: where requests come from.
        folder: for configurations and logs.
        core: that the measured proxy has for itself; None where there is just one.
        seconds: of each measurement.
    """

    backend: Backend
    load: Load
    folder: Path
    core: int | None
    seconds: float
    rounds: list[dict[Cell, Result]] = field(default_factory=list)
    missing: dict[Cell, str] = field(default_factory=dict)

    def round(self, kinds: Sequence[str], rows: Sequence[str]) -> None:
        """Measure all cells once more; those that cannot be are noted and left out from then on."""
        results: dict[Cell, Result] = {}
        self.rounds.append(results)
        for kind in kinds:
            cells = [Cell(kind, row) for row in KINDS[kind][2] if row == DIRECT or row in rows]
            if not cells:
                continue
            begin = (len(self.rounds) - 1) % len(cells)
            for cell in [*cells[begin:], *cells[:begin]]:
                if cell in self.missing:
                    continue
                try:
                    results[cell] = result = self.one(cell)
                    say = f"{result.cpu:8.1f} us {result.rate:8.0f}/s {result.memory:7.1f} MB {result.errors} errors"
                except (Missing, OSError) as error:
                    self.missing[cell] = say = " ".join(str(error).split())
                print(f"  {cell!s:20} {say}", file=sys.stderr, flush=True)

    def one(self, cell: Cell) -> Result:
        """One cell, by a process of its own. Raises Missing, or OSError where its process fails."""
        says, connections, _ = KINDS[cell.kind]
        del says
        if cell.kind == "change":
            return change.measured(cell.row, self.backend, self.folder, self.core, CHANGES)
        with ExitStack() as stack:
            if cell.row == DIRECT:
                proxy = Proxy(DIRECT, self.backend.plain[0], 0)
            else:
                secure = cell.kind == "tls"
                proxy = stack.enter_context(
                    contestant.running(cell.row, self.backend, self.folder, self.core, secure=secure)
                )
            if cell.kind in {"thousand", "crowd"}:
                return self._held(proxy, connections)
            kind = cell.kind if cell.kind in {"post", "download"} else "get"
            if cell.kind != "paced":
                self.load.rush(proxy.port, kind, connections, WARM_UP)
            before = usage.processor(proxy.pid) if proxy.pid else 0.0
            done = self._loaded(cell, proxy, kind, connections)
            used = usage.processor(proxy.pid) - before if proxy.pid else 0.0
            memory = usage.resident(proxy.pid) if proxy.pid else 0.0
            return Result(**asdict(done), cpu=used / max(done.calls, 1) * 1e6, memory=memory)

    def _loaded(self, cell: Cell, proxy: Proxy, kind: str, connections: int) -> Done:
        if cell.kind == "paced":
            return self.load.paced(proxy.port, RATE, max(self.seconds, 1.0))
        return self.load.rush(proxy.port, kind, connections, self.seconds)

    def _held(self, proxy: Proxy, connections: int) -> Result:
        before = usage.resident(proxy.pid)
        with suppress(BrokenPipeError), self.load.idle(proxy.port, connections) as done:
            memory = usage.resident(proxy.pid)
        return Result(connections, done[0].errors, memory=memory, before=before, connections=connections)
