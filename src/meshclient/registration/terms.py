"""How an instance enters a registry and leaves it, beside what it is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Terms:
    """What the application wishes.

    Args:
        wait_ready: enter only after a first check that passed: of the health path, or of the port where there is none.
        on_sigterm: leave when SIGTERM comes, and let it take its course afterwards.
        propagation: seconds to go on serving after having been taken out; None for what the registry needs.
        in_flight: how many requests are being served; asked on the discovery thread, so it must be quick.
        grace: seconds given to requests in flight, after `propagation`.

    Raises ValueError for a time that is negative or not finite.
    """

    wait_ready: bool = False
    on_sigterm: bool = False
    propagation: float | None = None
    in_flight: Callable[[], int] | None = None
    grace: float = 10.0

    def __post_init__(self) -> None:
        for name, value in (("propagation", self.propagation), ("grace", self.grace)):
            if value is not None and not 0 <= value < math.inf:
                msg = f"{name}={value!r} is not a time to wait: write seconds, such as 5, or 0 for none"
                raise ValueError(msg)
