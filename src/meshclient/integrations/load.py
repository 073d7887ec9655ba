"""How much a server has to do, measured over about a second at a time.

The report is Open Request Cost Aggregation as text (`meshclient.core.balance.load_report` reads it). Utilisation is
that of what is scarcest: the places that `limit` gives, the processor, or the event loop. What was refused counts among
the errors and not in the rate, for a balancer divides the rate by the utilisation: a server that refuses fast would
otherwise draw all calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# Seconds of a window, at least; a window ends with the first request after that.
WINDOW = 1.0


class Load:
    """The measurement; its owner guards it where threads share it. O(1) for each request.

    Args:
        capacity: requests that may be served at once, or None where that is not known.
        processor: seconds of processor time of this process; asked once in a window.
        now: monotonic seconds, as everywhere here.

    Attributes:
        report: the header's value, of the last whole window; empty before the first has ended.
    """

    __slots__ = (
        "_area",
        "_began",
        "_busy",
        "_capacity",
        "_changed",
        "_failed",
        "_in_flight",
        "_lag",
        "_processor",
        "_served",
        "_stood",
        "report",
    )

    def __init__(self, capacity: int | None, processor: Callable[[], float], now: float) -> None:
        self.report = ""
        self._capacity = capacity
        self._processor = processor
        self._began = self._changed = now
        self._busy = processor()
        # None until a loop is known, seconds that it stood still until the window began, and for each second of the
        # last window.
        self._stood: float | None = None
        self._lag = 0.0
        self._in_flight = self._served = self._failed = 0
        # Requests times seconds, which over the seconds is how many were being served on the average.
        self._area = 0.0

    def lag(self, now: float, stood: float) -> float:
        """Seconds that the loop stood still in the last one; `stood` is all so far, as `Sweep.stood` says."""
        if self._stood is None:
            self._stood = stood
        elif now - self._began >= WINDOW:
            self.look(now, stood)
        return max(self._lag, stood - self._stood)

    def entered(self, in_flight: int, now: float) -> None:
        """One more is served: so many now."""
        self._count(in_flight, now)

    def left(self, in_flight: int, now: float, *, failed: bool | None) -> None:
        """One less is, and it came to nothing; None counts neither way."""
        self._count(in_flight, now)
        if failed is not None:
            self._failed += failed
            self._served += not failed

    def refused(self) -> None:
        """One was not let in."""
        self._failed += 1

    def look(self, now: float, stood: float | None) -> str:
        """The report; ends the window where it is time to."""
        seconds = now - self._began
        if seconds >= WINDOW:
            self._end(now, seconds, stood)
        return self.report

    def _count(self, in_flight: int, now: float) -> None:
        self._area += self._in_flight * (now - self._changed)
        self._changed = now
        self._in_flight = in_flight

    def _end(self, now: float, seconds: float, stood: float | None) -> None:
        self._count(self._in_flight, now)
        busy = self._processor()
        processor = (busy - self._busy) / seconds
        mean = self._area / seconds
        figures = {"cpu_utilization": processor}
        named = {"in_flight": mean}
        scarcest = processor
        if stood is not None:
            self._lag = 0.0 if self._stood is None else (stood - self._stood) / seconds
            self._stood = stood
            scarcest = max(scarcest, self._lag)
            named["loop_lag"] = self._lag
        if self._capacity is not None:
            scarcest = max(scarcest, mean / self._capacity)
            named["capacity"] = self._capacity
        figures["application_utilization"] = scarcest
        figures["rps_fractional"] = self._served / seconds
        figures["eps"] = self._failed / seconds
        figures |= {f"named_metrics.{name}": value for name, value in named.items()}
        self.report = "TEXT " + ", ".join(f"{name}={value:.6g}" for name, value in figures.items())
        self._began, self._busy, self._area = now, busy, 0.0
        self._served = self._failed = 0
