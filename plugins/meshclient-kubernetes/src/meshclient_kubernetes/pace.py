"""A bound on how often an API server is asked.

A version that expires at once, or a proxy that ends every watch, would otherwise make a hot loop of lists.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

# A list, its watch and a second such pair go out at once: what a watch that has just expired needs. Whatever keeps
# ending watches after that costs the API server one question a second.
BURST = 4
INTERVAL = 1.0


@dataclass(frozen=True, slots=True)
class Pace:
    """`BURST` questions at once, then one for each `INTERVAL`.

    The generic cell rate algorithm (ITU-T I.371, annex A), which needs one number where a token bucket needs two.

    Args:
        due: seconds on the caller's clock when the next question would come if all came evenly.
    """

    due: float = -math.inf

    def take(self, now: float) -> tuple[float, Pace]:
        """Seconds to wait before the next question, and the pace once it is put."""
        start = max(now, self.due - (BURST - 1) * INTERVAL)
        return start - now, Pace(max(self.due, start) + INTERVAL)
