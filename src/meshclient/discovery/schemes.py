"""From the text of a resolver to the resolver: schemes, plugins and composition.

Plugins are found by name only: asking for ``consul://`` looks for the entry point ``consul`` and loads that one, so an
installed but unused plugin costs nothing and cannot break anybody.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from meshclient.discovery.composition import FirstAnswering, Union
from meshclient.discovery.resolver import ResolverUri
from meshclient.errors import ConfigError, PluginError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from importlib.metadata import EntryPoint

    from meshclient.discovery.resolver import Resolver

RESOLVERS = "meshclient.resolvers"

BUILT_IN: Mapping[str, str] = MappingProxyType(
    {
        "static": "meshclient.discovery.static:StaticResolver",
        "env": "meshclient.discovery.env:EnvResolver",
        "file": "meshclient.discovery.file:FileResolver",
        "dns": "meshclient.discovery.dns:DnsResolver",
        "srv": "meshclient.discovery.srv:SrvResolver",
    }
)
# Which distribution brings a scheme that is not installed.
DISTRIBUTIONS: Mapping[str, str] = MappingProxyType(
    {
        "consul": "meshclient-consul",
        "cloudmap": "meshclient-aws",
        "dynamodb": "meshclient-aws",
        "etcd": "meshclient-etcd",
        "eureka": "meshclient-eureka",
        "kubernetes": "meshclient-kubernetes",
    }
)

# White space is required round the operators, since "+" and "|" may stand inside a URI.
_FALLBACK = re.compile(r"\s+\|\s+")
_UNION = re.compile(r"\s+\+\s+")
# A second URI after an operator without them would vanish in the value of the first one's last option.
_GLUED = re.compile(r"://.*[|+]\s*[a-z][a-z0-9.-]*://", re.IGNORECASE | re.DOTALL)


def open_resolver(text: str) -> Resolver:
    """The resolver that `text` describes: one URI, ``"a | b"`` (first that answers) or ``"a + b"`` (union).

    ``+`` binds tighter than ``|``. Raises ConfigError where the text is wrong, PluginError where a scheme is unknown,
    its plugin is missing or broken, or two distributions claim it.
    """
    choices = [
        _join(Union, [_open_one(part) for part in _UNION.split(choice)]) for choice in _FALLBACK.split(text.strip())
    ]
    return _join(FirstAnswering, choices)


def _join(combine: Callable[[tuple[Resolver, ...]], Resolver], parts: list[Resolver]) -> Resolver:
    return parts[0] if len(parts) == 1 else combine(tuple(parts))


def _open_one(text: str) -> Resolver:
    if _GLUED.search(text):
        msg = f"{ResolverUri.parse(text)} holds a second resolver: write white space on both sides of '|' and '+'"
        raise ConfigError(msg)
    uri = ResolverUri.parse(text)
    factory = cast("Callable[[ResolverUri], Resolver]", load(RESOLVERS, uri.scheme, BUILT_IN))
    return factory(uri)


def load(group: str, name: str, built_in: Mapping[str, str], what: str = "resolver scheme") -> object:
    """The object registered as `name`: built in, or the one entry point of `group` with that name.

    Raises PluginError naming the distribution to install, the two that collide, or what failed to import.
    """
    points = {point.dist.name if point.dist else point.value: point for point in entry_points(group=group, name=name)}
    claims = sorted({*points, *(["meshclient"] if name in built_in else [])})
    if len(claims) > 1:
        msg = f"{what} {name!r} is claimed by {' and '.join(claims)}: uninstall all but one"
        raise PluginError(msg)
    if name in built_in:
        module, _, attribute = built_in[name].partition(":")
        return getattr(import_module(module), attribute)
    if not points:
        raise PluginError(_missing(group, name, built_in, what))
    ((distribution, point),) = points.items()
    return _import(distribution, point, what)


def installed(group: str) -> list[tuple[str, str, EntryPoint]]:
    """(name, distribution, entry point) of every plugin in `group`, none of them loaded."""
    points = entry_points(group=group)
    return sorted((point.name, point.dist.name if point.dist else "?", point) for point in points)


def _import(distribution: str, point: EntryPoint, what: str) -> object:
    try:
        found: object = point.load()
    except Exception as exc:
        msg = f"{what} {point.name!r} of {distribution} cannot be loaded from {point.value}: {exc!r}"
        raise PluginError(msg) from exc
    if not callable(found):
        msg = f"{what} {point.name!r} of {distribution} cannot be used: {point.value} is {found!r}, not a callable"
        raise PluginError(msg)
    return found


def _missing(group: str, name: str, built_in: Mapping[str, str], what: str) -> str:
    if name in DISTRIBUTIONS:
        return f"{what} {name!r} needs a plugin that is not installed: pip install {DISTRIBUTIONS[name]}"
    known = sorted({*built_in, *(point.name for point in entry_points(group=group))})
    close = get_close_matches(name, [*known, *DISTRIBUTIONS], 1)
    hint = f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known) or 'none'}"
    return f"{what} {name!r} is unknown; {hint}"
