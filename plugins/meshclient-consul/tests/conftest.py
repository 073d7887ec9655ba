"""What the plugin's tests share: resolvers and registrars from a URI, and a supervised watch to wait on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meshclient.discovery.resolver import ResolverUri
from meshclient.model.snapshot import Failed, Ready
from meshclient_consul import ConsulRegistrar, ConsulResolver
from watching import Watch

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from meshclient.model.snapshot import Empty

    Answer = Ready | Empty | Failed


def make_resolver(
    uri: str,
    environ: Mapping[str, str] | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> ConsulResolver:
    return ConsulResolver(ResolverUri.parse(uri), environ=environ or {}, transport=transport)


def make_registrar(uri: str) -> ConsulRegistrar:
    return ConsulRegistrar(ResolverUri.parse(uri), environ={})


class Kit:
    """The functions and classes above, for tests to reach without importing a conftest."""

    resolver = staticmethod(make_resolver)
    registrar = staticmethod(make_registrar)

    @staticmethod
    def watch(resolver: ConsulResolver | str, name: str) -> Watch:
        return Watch(make_resolver(resolver) if isinstance(resolver, str) else resolver, name)


@pytest.fixture
def kit() -> Kit:
    return Kit()
