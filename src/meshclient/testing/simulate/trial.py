"""The time in which something is wrong, and how fast that was noticed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meshclient.testing.simulate.slice import Cut
    from meshclient.testing.simulate.step import Fault

# Seconds over which a share is measured, and by which the measure moves on.
WINDOW = 1.0
STEP = 0.1
# Of the share it had before: from here on an instance that recovered has its traffic back.
BACK = 0.5


@dataclass(frozen=True, slots=True)
class Trial:
    """From the first fault's begin to the last one's end.

    Args:
        begin: seconds of the run.
        end: seconds of the run.
        names: ids of the instances concerned, at the service called.
    """

    begin: float
    end: float
    names: tuple[str, ...]

    @classmethod
    def of(cls, faults: Iterable[Fault], direct: Iterable[Fault]) -> Trial | None:
        """That of all `faults`, of which `direct` concern the service called; None without any."""
        found = list(faults)
        if not found:
            return None
        names = dict.fromkeys(name for fault in direct for name in fault.names)
        return cls(min(fault.begin for fault in found), max(fault.end for fault in found), tuple(names))

    def detection(self, cut: Cut, share: float) -> float | None:
        """Seconds until the instances get less than `share` of the attempts in every second to come; None for never."""
        last = None
        for begin in _steps(self.begin, self.end - WINDOW):
            if self._share(cut, begin) >= share:
                last = begin
        if last is None:
            return 0.0
        found = last + STEP - self.begin
        return found if last + STEP <= self.end - WINDOW else None

    def recovery(self, cut: Cut, until: float) -> float | None:
        """Seconds after the end to the last call that began after it and failed, 0 without one.

        None where calls still failed in the last second before `until`.
        """
        failed = [call.began for call in cut.calls(self.end, until) if call.failure]
        if not failed:
            return 0.0
        return None if failed[-1] > until - WINDOW else failed[-1] - self.end

    def comeback(self, cut: Cut, until: float) -> float | None:
        """Seconds after the end until the instances have half of their former share for a second; None for never."""
        counts = cut.counts(0.0, self.begin)
        former = sum(counts[name] for name in self.names) / max(1, counts.total())
        for begin in _steps(self.end, until - WINDOW):
            if self._share(cut, begin) >= former * BACK:
                return begin - self.end
        return None

    def _share(self, cut: Cut, begin: float) -> float:
        counts = cut.counts(begin, begin + WINDOW)
        return sum(counts[name] for name in self.names) / max(1, counts.total())


def _steps(begin: float, end: float) -> list[float]:
    return [begin + n * STEP for n in range(round((end - begin) / STEP) + 1)]
