"""From the text of a resolver to the resolver: schemes, plugins and composition.

Plugins are found by name only: asking for ``consul://`` looks for the entry point ``consul`` and loads that one, so an
installed but unused plugin costs nothing and cannot break anybody.
"""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from meshclient.discovery.claims import may_be_claimed
from meshclient.discovery.composition import FirstAnswering, Union
from meshclient.discovery.expression import Choice, Migration, parse
from meshclient.discovery.resolver import ResolverUri
from meshclient.errors import PluginError, PluginNotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from importlib.metadata import EntryPoint

    from meshclient.discovery.expression import Expression
    from meshclient.discovery.resolver import Resolver
    from meshclient.model.events import Event

RESOLVERS = "meshclient.resolvers"
REGISTRARS = "meshclient.registrars"

BUILT_IN: Mapping[str, str] = MappingProxyType(
    {
        "static": "meshclient.discovery.static:StaticResolver",
        "env": "meshclient.discovery.env:EnvResolver",
        "file": "meshclient.discovery.file:FileResolver",
        "dns": "meshclient.discovery.dns:DnsResolver",
        "srv": "meshclient.discovery.srv:SrvResolver",
    }
)
# What a scheme is good for that only the other group of entry points has.
_ONE_WAY: Mapping[str, str] = MappingProxyType(
    {
        RESOLVERS: "services can be looked up there, and not registered",
        REGISTRARS: "services can be registered there, and not looked up (what it writes to DNS is read with srv://)",
    }
)
# What is no registry at all, or none that this group of entry points could lead to, whatever is installed.
_NO_REGISTRY = "Redis keeps circuits (circuit.store) and responses (cache.store), and lists no services"
_NEVER: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        RESOLVERS: {"redis": _NO_REGISTRY, "rediss": _NO_REGISTRY, "route53": _ONE_WAY[REGISTRARS]},
        REGISTRARS: {"redis": _NO_REGISTRY, "rediss": _NO_REGISTRY, "kubernetes": _ONE_WAY[RESOLVERS]},
    }
)
# Not what a registry is called by: an address of one, or of a service.
_NOT_OF_REGISTRIES = frozenset({"http", "https", "mesh"})
_ADDRESS = (
    "the scheme says what the registry is, as in consul://127.0.0.1:8500; "
    "where a service listens is written into its endpoints, and the base of URLs given as base_url"
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
        "redis": "meshclient-redis",
        "rediss": "meshclient-redis",
        "route53": "meshclient-aws",
    }
)


def open_resolver(text: str, *, tell: Callable[[Event], None] | None = None) -> Resolver:
    """The resolver that `text` describes: a URI, ``a | b``, ``a + b`` or ``migrate(a, b)``, as in `expression`.

    Args:
        text: what the configuration calls ``resolver``.
        tell: told how the two sides of a migration compare.

    Raises ConfigError where the text is wrong, PluginError where a scheme is unknown, its plugin is missing or broken,
    or two distributions claim it.
    """
    return _made(parse(text), tell)


def _made(expression: Expression, tell: Callable[[Event], None] | None) -> Resolver:
    if isinstance(expression, ResolverUri):
        factory = cast("Callable[[ResolverUri], Resolver]", load(RESOLVERS, expression.scheme, BUILT_IN))
        return factory(expression)
    if isinstance(expression, Migration):
        from meshclient.discovery.migration import Migrating

        return Migrating(_made(expression.serving, tell), _made(expression.next, tell), tell=tell)
    parts = tuple(_made(part, tell) for part in expression.parts)
    return FirstAnswering(parts) if isinstance(expression, Choice) else Union(parts)


def load(group: str, name: str, built_in: Mapping[str, str], what: str = "resolver scheme") -> object:
    """The object registered as `name`: built in, or the one entry point of `group` with that name.

    Raises PluginNotFound naming the distribution to install, and PluginError naming the two that collide or what failed
    to import.
    """
    points = _points(group, name) if name not in built_in or may_be_claimed(group, name) else {}
    claims = sorted({*points, *(["meshclient"] if name in built_in else [])})
    if len(claims) > 1:
        msg = f"{what} {name!r} is claimed by {' and '.join(claims)}: uninstall all but one"
        raise PluginError(msg)
    if name in built_in:
        module, _, attribute = built_in[name].partition(":")
        return getattr(import_module(module), attribute)
    if not points:
        raise PluginNotFound(_missing(group, name, built_in, what))
    ((distribution, point),) = points.items()
    return _import(distribution, point, what)


def _points(group: str, name: str) -> dict[str, EntryPoint]:
    """By the name of its distribution, each entry point called `name`."""
    from importlib.metadata import entry_points

    return {point.dist.name if point.dist else point.value: point for point in entry_points(group=group, name=name)}


def installed(group: str) -> list[tuple[str, str, EntryPoint]]:
    """(name, distribution, entry point) of every plugin in `group`, none of them loaded."""
    from importlib.metadata import entry_points

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
    from importlib.metadata import entry_points

    for other, only in _ONE_WAY.items():
        if group in _ONE_WAY and other != group and entry_points(group=other, name=name):
            return f"{what} {name!r} does not exist: {only}"
    if never := _NEVER.get(group, {}).get(name):
        return f"{what} {name!r} does not exist: {never}"
    if name in DISTRIBUTIONS:
        return f"{what} {name!r} needs a plugin that is not installed: pip install {DISTRIBUTIONS[name]}"
    if group == RESOLVERS and name in _NOT_OF_REGISTRIES:
        return f"{what} {name!r} is unknown; {_ADDRESS}"
    known = sorted({*built_in, *(point.name for point in entry_points(group=group))})
    close = get_close_matches(name, [*known, *DISTRIBUTIONS], 1)
    hint = f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known) or 'none'}"
    return f"{what} {name!r} is unknown; {hint}"
