"""Which services a registry knows, for those that can tell: for people who misspell one, and for completion.

Never on the path of a call: whoever calls a service knows its name.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Protocol, cast, runtime_checkable

from meshclient.discovery.schemes import BUILT_IN, RESOLVERS, load
from meshclient.model.service import ServiceName

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.discovery.resolver import ResolverUri

# Schemes whose names are to be had from this machine alone.
LOCAL = frozenset({"env", "file", "static"})


@runtime_checkable
class Catalogue(Protocol):
    """A resolver that can tell the names of its services; see `meshclient.discovery.resolver.Resolver`."""

    async def names(self) -> Collection[str]:
        """Every service that is listed now."""
        ...


async def names_of(uri: ResolverUri) -> frozenset[str] | None:
    """The services that the registry at `uri` lists, spelt as in a URL; None where its resolver cannot tell.

    What can be no name here is left out: nobody could ask for it. Raises ConfigError for a wrong URI, PluginError where
    the plugin is missing, and whatever the resolver raises where it cannot be asked; the caller sets a time limit.
    """
    resolver = cast("Callable[[ResolverUri], object]", load(RESOLVERS, uri.scheme, BUILT_IN))(uri)
    if not isinstance(resolver, Catalogue):
        return None
    return frozenset(name for text in await resolver.names() if (name := _spelt(text)))


def _spelt(text: str) -> str:
    try:
        return ServiceName.parse(text).value
    except ValueError:
        return ""
