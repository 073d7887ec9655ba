"""What the plugin's tests share: a real Eureka, resolvers and registrars from a URI, and a supervised watch."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import pytest

from meshclient.discovery.resolver import ResolverUri
from meshclient.model.snapshot import Failed, Ready
from meshclient_eureka import EurekaRegistrar, EurekaResolver
from servers.eureka import Eureka
from servers.fixtures import shared_as
from watching import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

    from meshclient.model.snapshot import Empty

    Answer = Ready | Empty | Failed


def make_resolver(
    uri: str,
    transport: httpx.AsyncBaseTransport | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> EurekaResolver:
    return EurekaResolver(ResolverUri.parse(uri), transport=transport, clock=clock, rng=random.Random(1))


def make_registrar(uri: str, transport: httpx.AsyncBaseTransport | None = None) -> EurekaRegistrar:
    return EurekaRegistrar(ResolverUri.parse(uri), transport=transport)


class Kit:
    """The functions and classes above, for tests to reach without importing a conftest."""

    resolver = staticmethod(make_resolver)
    registrar = staticmethod(make_registrar)

    @staticmethod
    def watch(resolver: EurekaResolver | str, name: str) -> Watch:
        return Watch(make_resolver(resolver) if isinstance(resolver, str) else resolver, name)


@pytest.fixture
def kit() -> Kit:
    return Kit()


@pytest.fixture(scope="session")
def eureka() -> Iterator[Eureka]:
    """Two Eureka servers that replicate registrations to each other."""
    with shared_as("eureka", Eureka(nodes=2)) as server:
        yield server
