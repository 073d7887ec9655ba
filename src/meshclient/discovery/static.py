"""``static://``: endpoints that stand in the URI, or in the configuration."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from meshclient.discovery.services_table import parse_endpoints
from meshclient.errors import ConfigError
from meshclient.model.endpoint import without_user
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Empty, Ready, listing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping
    from typing import Self

    from meshclient.discovery.resolver import ResolverUri
    from meshclient.model.endpoint import Endpoint


class StaticResolver:
    """Answers once, from a fixed list.

    ``static://a:8080,b:8080`` are the endpoints of every service; ``static://?orders=a:8080,b:8080&users=https://c``
    are those of the named ones, and any other service is unknown. Both forms together: the address is for all others.
    IPv6 literals stand in brackets. Raises ConfigError for anything that is not an endpoint.
    """

    def __init__(self, uri: ResolverUri) -> None:
        address = uri.authority + uri.path
        # Names the URI in errors; one with a user in it may have the password anywhere.
        where = "static://" if any("@" in part for part in (address, *uri.options, *uri.options.values())) else str(uri)
        everyone = parse_endpoints(address, f"{where}: address") or None
        services: dict[ServiceName, tuple[Endpoint, ...]] = {}
        for option in uri.options:
            try:
                name = ServiceName.parse(without_user(option))
            except ValueError as exc:
                raise ConfigError(f"{where}: {exc}") from None
            if name in services:
                raise ConfigError(f"{where} names the service {name} twice (capitals do not count)")
            services[name] = parse_endpoints(uri.text(option), f"{where}: {option}")
        uri.finish()
        if everyone is None and not services:
            raise ConfigError(
                "static:// has no endpoints: write static://host:port,... or static://?orders=host:port,..."
            )
        self._set(services, everyone, str(uri))

    @classmethod
    def of(cls, services: Mapping[str, Iterable[Endpoint]], *, source: str = "static://") -> Self:
        """A resolver for these services; any other is unknown. Raises ValueError for a bad service name."""
        made = cls.__new__(cls)
        made._set({ServiceName.parse(name): tuple(those) for name, those in services.items()}, None, source)  # noqa: SLF001
        return made

    def _set(
        self,
        services: Mapping[ServiceName, tuple[Endpoint, ...]],
        everyone: tuple[Endpoint, ...] | None,
        source: str,
    ) -> None:
        self._services, self._everyone, self.source = services, everyone, source

    async def watch(self, name: ServiceName) -> AsyncIterator[Ready | Empty]:
        """Yield the one answer there is, then wait for ever."""
        endpoints = self._services.get(name, self._everyone)
        yield listing(endpoints or (), source=self.source, exists=endpoints is not None)
        await asyncio.Event().wait()

    async def names(self) -> list[str]:
        """The services that are named; there are others where the address is for all of them."""
        return [name.value for name in self._services]
