"""From a registry's URI to the registrar that writes to it."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING, cast

from meshclient.discovery.expression import parse, uris
from meshclient.discovery.schemes import REGISTRARS, load
from meshclient.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.discovery.resolver import ResolverUri
    from meshclient.registration.registrar import Registrar


def open_registrar(text: str) -> Registrar:
    """The registrar for the registry that `text` describes: a URI, or a composition in which one can be written to.

    Raises ConfigError where the text is wrong or leaves a choice, PluginError where the scheme has no registrar, its
    plugin is broken, or two distributions claim it.
    """
    named = list(uris(parse(text)))
    writable = [uri for uri in named if len(named) == 1 or entry_points(group=REGISTRARS, name=uri.scheme)]
    if len(writable) > 1:
        msg = f"{' and '.join(map(str, writable))} can all be registered at: name one of them with registry=..."
        raise ConfigError(msg)
    uri = writable[0] if writable else named[0]
    factory = cast("Callable[[ResolverUri], Registrar]", load(REGISTRARS, uri.scheme, {}, "registrar scheme"))
    return factory(uri)
