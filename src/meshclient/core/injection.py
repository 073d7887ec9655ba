"""Faults on purpose: which attempts of a service are delayed, fail or get an error status, for trials of its callers.

As in Envoy's fault filter (envoy.filters.http.fault), a rule meets a share of the requests, and only those with certain
headers where it names some. What it does is what a real fault would do to an attempt, so that every policy above sees
it: repeats, ejection, circuits, hedging.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from meshclient.core.traffic.match import fits
from meshclient.model.outcome import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# What an attempt may be made to end in.
ERRORS = (Kind.CONNECT_ERROR, Kind.CONNECT_TIMEOUT, Kind.TIMEOUT, Kind.DISCONNECTED, Kind.PROTOCOL_ERROR)


@dataclass(frozen=True, slots=True)
class FaultRule:
    """A fault and the attempts it meets.

    Args:
        share: of the attempts that match, 0 to 1.
        delay: seconds by which the attempt is held up.
        error: how the attempt then ends without an answer, out of `ERRORS`; None where it does not.
        status: the status it is answered with; 0 where it is sent.
        headers: what each header of the request is, as in `meshclient.core.traffic.match`.
    """

    share: float
    delay: float = 0.0
    error: Kind | None = None
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)

    def __str__(self) -> str:
        parts = [f"delayed by {self.delay:.3g}s"] if self.delay else []
        if self.error is not None:
            parts.append(f"ended by {self.error}")
        if self.status:
            parts.append(f"answered {self.status}")
        asked = [f"{name}: {value}" for name, value in self.headers.items()]
        return f"{self.share:.3%} of the attempts{' with ' if asked else ''}{', '.join(asked)} {' and '.join(parts)}"


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one attempt; as in `FaultRule`."""

    delay: float = 0.0
    error: Kind | None = None
    status: int = 0


@dataclass(frozen=True, slots=True)
class Injection:
    """The faults of one service.

    Args:
        service: its name.
        rules: in order; delays add up, and the first error or status ends it.
    """

    service: str
    rules: tuple[FaultRule, ...]

    def fault(self, header: Callable[[str], str | None], uniform: Callable[[], float]) -> Fault | None:
        """What happens to an attempt, or None for nothing.

        Args:
            header: a field of the request by its name, None where it is not there.
            uniform: chance in [0, 1); asked once for each rule that matches.
        """
        delay = 0.0
        for rule in self.rules:
            matches = all(fits(wanted, header(name)) for name, wanted in rule.headers.items())
            if not matches or uniform() >= rule.share:
                continue
            delay += rule.delay
            if rule.error is not None or rule.status:
                return Fault(delay, rule.error, rule.status)
        return Fault(delay) if delay else None

    def __str__(self) -> str:
        return "; ".join(map(str, self.rules))
