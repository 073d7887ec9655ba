"""What is remembered of one endpoint between calls."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from meshclient.core.balance.blame import Blame
from meshclient.core.balance.load_report import Reported
from meshclient.core.balance.peak_ewma import PeakEwma
from meshclient.core.outlier import SPAN, Record, Standing
from meshclient.core.window import Window

if TYPE_CHECKING:
    from meshclient.model.endpoint import Endpoint

    # An endpoint's identity: scheme, host, port, id.
    Key = tuple[str, str, int, str]


class Node:
    """An endpoint's history; it lives as long as the endpoint's identity stays in the list.

    Attributes:
        endpoint: the registry's latest word on it.
        key: its identity.
        listed: whether it is in the list still; what is in flight may outlive that.
        ewma: expected latency.
        record: how its attempts ended.
        blame: what its failures add to its load.
        weight: its share in the draw; see `meshclient.core.balance.weighing`.
        joined: when it began to take part, minus infinity for one that has always been there.
        reported: what it says of its own load.
        capacity: that weight in relation to the mean weight of its list.
        pending: attempts in flight, response bodies included.
        waiting: those of them without a response head.
        begun: the sum of the times at which the waiting ones began.
        slow: which of its answers were slow, where that is of interest.
        standing: consecutive failures and ejection.
        load: seconds that the next call may expect, were it queued behind those in flight; see `P2C`.
        step: what one more in flight adds to that.
        stale: clock from which both are to be worked out anew.
        fit: False while an active health check of ours fails.
    """

    __slots__ = (
        "begun",
        "blame",
        "capacity",
        "endpoint",
        "ewma",
        "fit",
        "joined",
        "key",
        "listed",
        "load",
        "pending",
        "record",
        "reported",
        "slow",
        "stale",
        "standing",
        "step",
        "waiting",
        "weight",
    )

    def __init__(self, endpoint: Endpoint, cost: float, now: float) -> None:
        self.endpoint = endpoint
        self.key = endpoint.key
        self.listed = True
        self.ewma = PeakEwma(cost, now)
        self.record = Record()
        self.blame = Blame()
        self.weight = endpoint.weight
        self.joined = -inf
        self.reported = Reported()
        self.capacity = 1.0
        self.pending = 0
        self.waiting = 0
        self.begun = 0.0
        self.slow = Window(SPAN)
        self.standing = Standing()
        self.load = self.step = 0.0
        self.stale = -inf
        self.fit = True

    @property
    def usable(self) -> bool:
        """Whether neither its registry nor an active check of ours speaks against it."""
        return self.fit and self.endpoint.usable
