"""What the fault suite has to know of a registry: how to fill it, how to break it, what its resolver then says."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, ClassVar

from fault_suite.case import case, replaced
from fault_suite.service import CalledService
from servers.faults import HttpFault, LinkFault

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fault_suite.case import Case
    from meshclient.discovery.resolver import Resolver
    from servers.faultproxy import FaultProxy
    from servers.faults import Fault
    from servers.server import Server

# Seconds that a resolver waits for an answer: one that is to see silence, and one that is to see no failure.
IMPATIENT, PATIENT = 0.25, 20.0


class FaultyRegistry:
    """The hooks, and the faults as most registries have them, which speak JSON over HTTP/1.1.

    Attributes:
        server: the registry; killed and started again without its data.
        proxy: stands before it, and is what the resolver under test is pointed at.
        lacks: scenarios (a test's name without ``test_``) that the registry cannot have, and why.
        within: seconds that any change, or the report of an outage, may take.
        repeats: False where a resolver tells an outage once and not again while it lasts.
        secrets: texts given to the resolver that nobody may be shown.
        gone, silence, half_open, errors, throttles, garbage, truncation, late, slow: the faults of a scenario as
            this registry's protocol has them, and the words in which each is told.
        denial: words of the report that the registry refuses the resolver's credentials.
        loss: words of the report where a registry without its data is a failure and no empty list.
    """

    server: Server
    proxy: FaultProxy
    lacks: ClassVar[Mapping[str, str]] = {}
    within: ClassVar[float] = 20.0
    repeats: ClassVar[bool] = True
    secrets: ClassVar[tuple[str, ...]] = ()
    gone: ClassVar[Sequence[Case]] = (
        case(LinkFault(refuse=True, reset=True)),
        case(LinkFault(blackhole=True, reset=True)),
    )
    silence: ClassVar[Sequence[Case]] = (case(HttpFault(hang=True)),)
    half_open: ClassVar[Sequence[Case]] = (case(LinkFault(freeze=True)), case(LinkFault(sever=True, refuse=True)))
    errors: ClassVar[Sequence[Case]] = (case(HttpFault(status=500, body="oops"), says=["500", "oops"]),)
    throttles: ClassVar[Sequence[Case]] = (
        case(HttpFault(status=429), says=["429"]),
        case(HttpFault(status=503), says=["503"]),
    )
    garbage: ClassVar[Sequence[Case]] = (case(replaced("<html>It works!</html>"), says=["malformed", "It works!"]),)
    truncation: ClassVar[Sequence[Case]] = (case(HttpFault(truncate=20), says=["broke off"]),)
    late: ClassVar[Case] = case(HttpFault(delay=0.1))
    slow: ClassVar[Case] = case(HttpFault(delay=1.2 * IMPATIENT))
    denial: ClassVar[tuple[str, ...]] = ()
    loss: ClassVar[tuple[str, ...]] = ()

    def resolver(self, timeout: float) -> Resolver:
        """A new resolver that asks through the proxy, and gives up an answer after about `timeout` seconds."""
        raise NotImplementedError

    def write(self, name: str, numbers: Sequence[int]) -> None:
        """Let the registry list the instances of `name` with these numbers beside those it lists; not by the proxy."""
        raise NotImplementedError

    def remove(self, name: str, number: int) -> None:
        """Take an instance out."""
        raise NotImplementedError

    def place(self, number: int) -> str:
        """Host and port of the instance that stands for `number`."""
        return f"127.1.{number // 250}.{number % 250 + 1}:8000"

    def fill(self, name: str, count: int) -> None:
        """Let the registry list the instances 0 to `count` - 1."""
        self.write(name, range(count))

    def clean(self, name: str, count: int) -> None:
        """Take away what `fill` wrote, where it would slow down the tests that follow."""

    def apply(self, *faults: Fault) -> None:
        """Let these faults act in place of those before."""
        self.proxy.set(*faults)

    def lift(self) -> None:
        """Let no fault act."""
        self.apply()

    def deny(self) -> None:
        """Let the registry refuse the resolver's credentials from now on."""
        raise NotImplementedError

    def permit(self) -> None:
        """Let it take them again."""
        self.lift()

    def kill(self) -> None:
        """End the registry."""
        self.server.kill()

    def lose_data(self) -> None:
        """Start the registry, which was killed, without its data."""
        self.server.restart(wipe=True)

    def prepare(self) -> None:
        """Make what an operator has to make before instances can be written, after its loss."""

    def places(self, *numbers: int) -> list[str]:
        return sorted(self.place(number) for number in numbers)

    def written(self, *numbers: int) -> tuple[str, float]:
        """A name of this test's own with these instances, and the time."""
        name = f"web-{secrets.token_hex(4)}"
        self.write(name, numbers)
        return name, time.monotonic()

    def called(self, name: str, timeout: float) -> CalledService:
        return CalledService(self.resolver(timeout), name, self.within, self.secrets)
