"""When a circuit opens, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient.model.duration import format_duration

if TYPE_CHECKING:
    from meshclient.core.window import Window


@dataclass(frozen=True, slots=True)
class CircuitRule:
    """What a circuit goes by; either of `ratio` and `consecutive` may open it.

    Args:
        ratio: share of failed calls within `window` that opens, above 0 to 1; None for never.
        window: seconds.
        min_calls: calls in that window below which `ratio` says nothing.
        consecutive: failed calls in a row that open; None for never.
        first: most seconds that it is open at first; doubles with each failed probe.
        limit: most seconds that it is open.
        probe: seconds after which a probe without an ending is given up and another may be sent; longer than a call
            can take.
    """

    ratio: float | None = 0.5
    window: float = 10.0
    min_calls: int = 20
    consecutive: int | None = None
    first: float = 5.0
    limit: float = 60.0
    probe: float = 30.0

    def broken(self, window: Window, streak: int) -> str:
        """Why the circuit has to open, in words, or nothing where it has not to.

        Args:
            window: the calls of the last seconds, up to date.
            streak: failed calls in a row.
        """
        if self.consecutive is not None and streak >= self.consecutive:
            return f"{streak} calls in a row failed"
        calls = window.successes + window.failures
        if self.ratio is not None and calls >= self.min_calls and window.failures >= self.ratio * calls:
            return f"{window.failures} of {calls} calls failed within {format_duration(self.window)}"
        return ""

    def open_time(self, failed_probes: int, chance: float) -> float:
        """Seconds to stay open: half of them fixed, half by `chance` in [0, 1), for callers not to march in step."""
        # The exponent is bounded because 2.0 ** 1024 overflows; 64 doublings pass any limit.
        bound = min(self.limit, self.first * 2.0 ** min(failed_probes, 64))
        return bound * (0.5 + 0.5 * chance)
