"""What is remembered of one endpoint between calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.core.balance.peak_ewma import PeakEwma
from meshclient.core.outlier import Standing

if TYPE_CHECKING:
    from meshclient.model.endpoint import Endpoint


class Node:
    """An endpoint's history; it lives as long as the endpoint's identity stays in the list.

    Attributes:
        endpoint: the registry's latest word on it.
        ewma: expected latency.
        weight: its share in the draw: the registry's weight, made less while it warms up.
        capacity: that weight in relation to the mean weight of its list.
        pending: attempts in flight, response bodies included.
        standing: consecutive failures and ejection.
    """

    __slots__ = ("capacity", "endpoint", "ewma", "pending", "standing", "weight")

    def __init__(self, endpoint: Endpoint, cost: float, now: float) -> None:
        self.endpoint = endpoint
        self.ewma = PeakEwma(cost, now)
        self.weight = endpoint.weight
        self.capacity = 1.0
        self.pending = 0
        self.standing = Standing()
