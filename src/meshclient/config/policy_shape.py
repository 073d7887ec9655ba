"""The policies of a service as the rest of the project reads them; the numbers are those of the peers named."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from meshclient.model.duration import format_duration

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from tenacity import RetryCallState

    Strategy: TypeAlias = Callable[[RetryCallState], object]


def _in_order(low: str, least: float, high: str, most: float) -> None:
    if least > most:
        msg = (
            f"{low} {format_duration(least)} is longer than {high} {format_duration(most)}: lower {low} or raise {high}"
        )
        raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Bounds of the pause before a retry; written ``"25ms..1s"``. Raises ValueError where `first` is the longer one.

    Args:
        first: upper bound of the first pause; doubles with each further one (Envoy: 25 ms).
        limit: most of any pause.
    """

    first: float = 0.025
    limit: float = 1.0

    def __post_init__(self) -> None:
        _in_order("first", self.first, "limit", self.limit)


@dataclass(frozen=True, slots=True)
class RetryConfig:
    """When a failed attempt is followed by another.

    Args:
        attempts: at most so many in one call, the first included.
        budget: retries a service may spend per request, over ten seconds (Finagle: 0.2).
        budget_floor: retries per second that are allowed whatever the traffic.
        backoff: bounds of the pauses.
        methods: what the owner declares idempotent beside RFC 9110's own, such as ``POST``.
        wait: a strategy of tenacity for the pauses, instead of `backoff`, or None.
        stop: one that says when it is enough, instead of `attempts`, or None.
        retry: one that says what is to be repeated, instead of the kinds of failure, or None.
    """

    attempts: int = 3
    budget: float = 0.2
    budget_floor: float = 3.0
    backoff: Backoff = Backoff()
    methods: tuple[str, ...] = ()
    # Objects of the user's, which need not be hashable.
    wait: Strategy | None = field(default=None, hash=False)
    stop: Strategy | None = field(default=None, hash=False)
    retry: Strategy | None = field(default=None, hash=False)


@dataclass(frozen=True, slots=True)
class EjectionConfig:
    """When an endpoint is taken out of rotation. Raises ValueError where `base` is longer than `limit`.

    Args:
        consecutive: failures in a row that eject, if the other endpoints do better (Finagle: 5).
        ratio: success ratio since its trouble began below which an endpoint is ejected, if the others do better in the
            same time (Finagle: 0.8).
        latency: times the usual latency from which on an answer is slow; an endpoint is ejected as well when half of
            its answers are and its peers' are not; 0 for never.
        base: length of the first ejection; doubles with each failed probe (Finagle: 5 s).
        limit: most of any ejection (Finagle: 300 s).
        max_ejected: share of the endpoints that may be out at once.
        panic: share of usable endpoints below which all are used again (Envoy: 0.5).
    """

    consecutive: int = 5
    ratio: float = 0.8
    latency: float = 0.0
    base: float = 5.0
    limit: float = 300.0
    max_ejected: float = 0.5
    panic: float = 0.5

    def __post_init__(self) -> None:
        _in_order("base", self.base, "limit", self.limit)


@dataclass(frozen=True, slots=True)
class ThrottleConfig:
    """When a service that fails is called less (the client throttle of Google's SRE book).

    Args:
        k: calls sent for each that succeeds, before any is refused; 2 leaves a service alone that fails half.
        window: seconds looked back upon.
        min_calls: calls within them below which none is refused.
        most: highest share of the calls that is refused. Raises ValueError where that is all of them.
    """

    k: float = 2.0
    window: float = 10.0
    min_calls: int = 20
    most: float = 0.9

    def __post_init__(self) -> None:
        if self.most >= 1:
            msg = f"most {self.most:g} leaves no call to tell when the service is well again: lower it, such as to 0.9"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class HedgeConfig:
    """When a second attempt is sent beside one that is late (Dean and Barroso, "The Tail at Scale").

    Args:
        extra: share of additional attempts that is acceptable.
        quantile: share of the calls that are let finish alone; by default ``1 - extra``.
    """

    extra: float = 0.02
    quantile: float | None = None


@dataclass(frozen=True, slots=True)
class HealthConfig:
    """How endpoints are checked beside their calls. Raises ValueError where `timeout` is longer than `interval`.

    A check passes with a 2xx answer to GET `path`. The numbers are Envoy's, which has none for the times.

    Args:
        path: what is asked for.
        tcp: whether a connection that opens is enough; `path` is not asked for then.
        interval: seconds between two checks of an endpoint.
        timeout: most of one check.
        healthy: checks in a row that bring an endpoint back.
        unhealthy: checks in a row that take it out.
        jitter: share of `interval` by which a check may come later.
    """

    path: str = "/healthz"
    tcp: bool = False
    interval: float = 10.0
    timeout: float = 1.0
    healthy: int = 2
    unhealthy: int = 3
    jitter: float = 0.1

    def __post_init__(self) -> None:
        _in_order("timeout", self.timeout, "interval", self.interval)


@dataclass(frozen=True, slots=True)
class HashKey:
    """What calls are sticky by, with a balancer that hashes; written ``header:x-user``, ``cookie:session``, ``path``.

    Args:
        source: ``header``, ``cookie``, ``path``, or ``call`` for only what a call itself gives.
        name: of the header or cookie.
    """

    source: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.source}:{self.name}" if self.name else self.source


@dataclass(frozen=True, slots=True)
class SubsetConfig:
    """Which endpoints of a large fleet this process uses (Finagle's deterministic aperture; gRFC A68).

    Args:
        size: endpoints in view; of a smaller fleet than `fleet` all are used.
        position: this process's place among its peers, from 0; with `peers`, so that all of them together load every
            endpoint the same.
        peers: how many they are; 0 for not known: then the subset is random, and even only by chance.
        fleet: endpoints from which on there is a subset.

    Raises ValueError for a position that is none of `peers`, or is given without them.
    """

    size: int = 12
    position: int = 0
    peers: int = 0
    fleet: int = 100

    def __post_init__(self) -> None:
        if self.position and not self.peers:
            msg = f"position {self.position} means nothing while peers is 0: say how many they are"
            raise ValueError(msg)
        if self.peers and self.position >= self.peers:
            msg = f"position {self.position} is none of {self.peers} peers: count from 0"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """Sessions that stay with an endpoint, kept in a cookie that says nothing about it.

    Args:
        cookie: its name.
        secret_file: file with at least 16 bytes that all processes share which are to understand each other's cookies;
            empty for a secret of this process.
    """

    cookie: str = "mesh-endpoint"
    secret_file: str = ""


@dataclass(frozen=True, slots=True)
class CircuitConfig:
    """When a service is left alone altogether; where it is configured it takes the throttle's place.

    Args:
        ratio: share of failed calls within `window` that opens it.
        window: seconds looked back upon.
        min_calls: calls within them below which it does not open.
        consecutive: failed calls in a row that open it, or None for any number.
        open: bounds of the time for which it is open; doubles with each failed probe.
        store: URI of a store that shares it between processes, such as ``redis://127.0.0.1:6379/0``; empty for none.
    """

    ratio: float = 0.5
    window: float = 10.0
    min_calls: int = 20
    consecutive: int | None = None
    open: Backoff = Backoff(5.0, 60.0)
    store: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class LimitConfig:
    """How many calls of a service may be under way at once.

    Args:
        concurrency: so many, where `adaptive` does not find it out.
        queue: places for calls that wait.
        patience: seconds in the queue at most.
        adaptive: whether the number follows from latency and throughput (failsafe-go's rule).
        endpoint: attempts in flight at one endpoint; where all have so many a call is refused. 0 for any number.
    """

    concurrency: int = 256
    queue: int = 0
    patience: float = 1.0
    adaptive: bool = False
    endpoint: int = 0
