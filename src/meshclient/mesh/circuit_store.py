"""The store SPI: circuits that several processes share.

The state of a circuit lies in one of pybreaker's storages. Its own storage for Redis asks the server on every read, in
the middle of a call; a store's answer from a copy in memory at once, and the store keeps that copy and the server alike
in the background. What processes have to agree on beyond pybreaker's interface is an `Agreement`.

A store is found through an entry point in the group ``meshclient.circuits`` whose name is the URI scheme and whose
value is a callable taking a `ResolverUri`:

    [project.entry-points."meshclient.circuits"]
    foo = "meshclient_foo:FooCircuitStore"
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast, runtime_checkable

from meshclient.discovery.resolver import ResolverUri
from meshclient.discovery.runtime.loop import fork_safe_lock as fork_safe_lock  # noqa: PLC0414 - part of the SPI
from meshclient.discovery.schemes import load

if TYPE_CHECKING:
    from collections.abc import Callable

    from pybreaker import CircuitBreakerStorage

    from meshclient.model.events import StoreChanged

CIRCUITS = "meshclient.circuits"


@runtime_checkable
class Agreement(Protocol):
    """What processes agree on about one circuit. Nothing here waits for a server, or raises.

    Attributes:
        isolated: whether it is open until a person closes it.
    """

    isolated: bool

    def claim(self, seconds: float) -> bool:
        """Whether this process may send the probe now, to be lost again after `seconds`.

        A store may say no at first, ask its server meanwhile, and say yes to a later call.
        """
        ...

    def release(self) -> None:
        """The probe has ended without a result: another process may send one."""
        ...


class CircuitStore(Protocol):
    """Where circuits are shared.

    Attributes:
        source: the store, as a URI without secrets; shown to people.
        trouble: why circuits are not in step with other processes' just now; empty where they are.
    """

    source: str
    trouble: str

    def storage(self, service: str) -> CircuitBreakerStorage:
        """The state of a service's circuit, the same object each time; an `Agreement` too, if processes shall agree.

        Returns at once, with a closed circuit where nothing is known yet. What it returns must neither wait nor raise.
        """
        ...

    async def follow(self, tell: Callable[[StoreChanged], None]) -> None:
        """Keep copies and server alike until cancelled; runs on the discovery loop, in a forked child once more.

        Sockets are acquired inside and released at the end. A server that is away is no reason to end.
        """
        ...


class Alone:
    """The `Agreement` of a process that shares with nobody."""

    def __init__(self) -> None:
        self.isolated = False

    def claim(self, seconds: float) -> bool:
        """Yes."""
        del seconds
        return True

    def release(self) -> None:
        """Nothing to do."""


def open_store(text: str) -> CircuitStore:
    """The store that a URI such as ``redis://127.0.0.1:6379/0`` names.

    Raises ConfigError where the text is wrong, PluginError where the scheme is unknown or its plugin missing or broken.
    """
    uri = ResolverUri.parse(text)
    factory = cast("Callable[[ResolverUri], CircuitStore]", load(CIRCUITS, uri.scheme, {}, "circuit store"))
    return factory(uri)
