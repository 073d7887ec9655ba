"""The policies of a service as the rest of the project reads them; the numbers are those of the peers named."""

from __future__ import annotations

from dataclasses import dataclass

from meshclient.model.duration import format_duration


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
    """

    attempts: int = 3
    budget: float = 0.2
    budget_floor: float = 3.0
    backoff: Backoff = Backoff()
    methods: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EjectionConfig:
    """When an endpoint is taken out of rotation. Raises ValueError where `base` is longer than `limit`.

    Args:
        consecutive: failures in a row that eject, if the other endpoints do better (Finagle: 5).
        ratio: success ratio of ten seconds below which an endpoint is ejected, if the others do better (Finagle: 0.8).
        base: length of the first ejection; doubles with each failed probe (Finagle: 5 s).
        limit: most of any ejection (Finagle: 300 s).
        max_ejected: share of the endpoints that may be out at once.
        panic: share of usable endpoints below which all are used again (Envoy: 0.5).
    """

    consecutive: int = 5
    ratio: float = 0.8
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
        most: highest share of the calls that is refused.
    """

    k: float = 2.0
    window: float = 10.0
    min_calls: int = 20
    most: float = 0.9


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
