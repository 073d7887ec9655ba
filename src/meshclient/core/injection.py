"""Faults on purpose: which attempts of a service are delayed, fail or get an error status, for trials of its callers.

As in Envoy's fault filter (envoy.filters.http.fault), a rule meets a share of the requests, and only those with certain
headers where it names some. What it does is what a real fault would do to an attempt, so that every policy above sees
it: repeats, ejection, circuits, hedging. A rule may be about a share of the instances, or one zone, which are drawn by
a rank of their own out of its seed and their address (rendezvous hashing, Thaler and Ravishankar 1998): the same seed
means the same instances in every process, and one that comes or goes moves at most one other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil
from types import MappingProxyType
from typing import TYPE_CHECKING

from meshclient.core.balance.hashing import hash64
from meshclient.core.traffic.match import fits
from meshclient.model.outcome import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from meshclient.model.endpoint import Endpoint

# A zone that is drawn.
ANY_ZONE = "*"
# Who asks for faults that stand in a configuration.
CONFIGURATION = "the configuration"
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
        instances: share of the instances it is about, at least one of them; 1 for all.
        zone: the zone it is about; `ANY_ZONE` for one that is drawn, empty for all.
        seed: by which instances and zones are drawn.
    """

    share: float
    delay: float = 0.0
    error: Kind | None = None
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    instances: float = 1.0
    zone: str = ""
    seed: int = 0

    def meets(self, address: tuple[str, int], listed: Callable[[], Iterable[Endpoint]]) -> bool:
        """Whether it is about the instance at this host and port, of those that are listed."""
        if self.instances >= 1 and not self.zone:
            return True
        endpoints = tuple(listed())
        if self.zone:
            zones = {each.zone for each in endpoints}
            zone = min(zones, key=self._rank, default="") if self.zone == ANY_ZONE else self.zone
            endpoints = tuple(each for each in endpoints if each.zone == zone)
        addresses = sorted({(each.host, each.port) for each in endpoints}, key=self._rank)
        # Rounded first: 7 % of 100 are 7, though 0.07 * 100 is a little more.
        return address in addresses[: ceil(round(self.instances * len(addresses), 9))]

    def _rank(self, what: object) -> tuple[int, str]:
        return hash64(f"{self.seed} {what}"), str(what)

    def __str__(self) -> str:
        parts = [f"delayed by {self.delay:.3g}s"] if self.delay else []
        if self.error is not None:
            parts.append(f"ended by {self.error}")
        if self.status:
            parts.append(f"answered {self.status}")
        asked = [f"{name}: {value}" for name, value in self.headers.items()]
        places = [f"at {self.instances:.3%} of the instances"] if self.instances < 1 else []
        if self.zone:
            places.append("in one zone" if self.zone == ANY_ZONE else f"in zone {self.zone}")
        met = " ".join([f"{self.share:.3%} of the attempts", *places])
        return f"{met}{' with ' if asked else ''}{', '.join(asked)} {' and '.join(parts)}"


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one attempt; as in `FaultRule`."""

    delay: float = 0.0
    error: Kind | None = None
    status: int = 0

    def __str__(self) -> str:
        parts = [f"delayed by {self.delay:.3g}s"] if self.delay else []
        parts += [f"ended by {self.error}"] if self.error is not None else []
        parts += [f"answered {self.status}"] if self.status else []
        return " and ".join(parts)


@dataclass(frozen=True, slots=True)
class Injection:
    """The faults of one service.

    Args:
        service: its name.
        rules: in order; delays add up, and the first error or status ends it.
        by: who asks for them.
        chance: in [0, 1), in place of what is given to `fault`; None for that.
    """

    service: str
    rules: tuple[FaultRule, ...]
    by: str = CONFIGURATION
    chance: Callable[[], float] | None = None

    def fault(
        self,
        header: Callable[[str], str | None],
        uniform: Callable[[], float],
        address: tuple[str, int] = ("", 0),
        listed: Callable[[], Iterable[Endpoint]] = tuple,
    ) -> Fault | None:
        """What happens to an attempt, or None for nothing.

        Args:
            header: a field of the request by its name, None where it is not there.
            uniform: chance in [0, 1); asked once for each rule that matches.
            address: host and port it goes to.
            listed: the instances there are.
        """
        delay, uniform = 0.0, self.chance or uniform
        for rule in self.rules:
            matches = all(fits(wanted, header(name)) for name, wanted in rule.headers.items())
            if not matches or not rule.meets(address, listed) or uniform() >= rule.share:
                continue
            delay += rule.delay
            if rule.error is not None or rule.status:
                return Fault(delay, rule.error, rule.status)
        return Fault(delay) if delay else None

    def __str__(self) -> str:
        return "; ".join(map(str, self.rules))
