"""What the category ``plugins`` decides on: everything that is named, loaded and made once, and the rest loaded."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING, cast

from meshclient.cli.checks.plugins import Fault, Part, PluginFacts
from meshclient.discovery.expression import parse, uris
from meshclient.discovery.schemes import BUILT_IN, REGISTRARS, RESOLVERS, installed, load
from meshclient.discovery.supervision import describe
from meshclient.errors import ConfigError, MeshError, PluginError, PluginNotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from meshclient.cli.checks.finding import Check
    from meshclient.config.shape import MeshConfig
    from meshclient.discovery.resolver import Resolver, ResolverUri

CHECKS = "meshclient.checks"


def plugins_of(config: MeshConfig, failed: Sequence[tuple[str, str]] = ()) -> PluginFacts:
    """Everything about the plugins that `config` needs, and those that are there besides."""
    found = list(uris(parse(config.resolver))) if config.resolver else []
    parts = [*(_resolver(uri) for uri in found), *_policies(config)]
    named = {uri.scheme for uri in found} | {part.subject for part in parts}
    return PluginFacts(tuple(parts), tuple(_unused(named)), tuple(failed))


def open_one(uri: ResolverUri) -> Resolver:
    """The resolver. Raises ConfigError, PluginError, or whatever a plugin raises."""
    return cast("Callable[[ResolverUri], Resolver]", load(RESOLVERS, uri.scheme, BUILT_IN))(uri)


def brought_checks() -> tuple[list[Check], list[tuple[str, str]]]:
    """The checks of plugins, and (distribution, reason) of each that cannot be had."""
    checks: list[Check] = []
    failed = []
    for _, distribution, point in installed(CHECKS):
        try:
            found = point.load()
            check = cast("Check", found if hasattr(found, "look") and not isinstance(found, type) else found())
            # What it lacks shows here, and not while it looks.
            _ = check.category, tuple(check.kinds)
        except Exception as exc:  # noqa: BLE001 - a plugin's own
            failed.append((distribution, describe(exc)))
        else:
            checks.append(check)
    return checks, failed


def _resolver(uri: ResolverUri) -> Part:
    subject = f"{uri.scheme}://"
    try:
        open_one(uri)
    except ConfigError as exc:
        return Part(subject, Fault.OPTIONS, str(exc))
    except PluginError as exc:
        return Part(subject, _fault(uri.scheme, exc), str(exc))
    except Exception as exc:  # noqa: BLE001 - a plugin's own
        return Part(subject, Fault.BROKEN, f"{subject} cannot be opened: {describe(exc)}")
    return Part(subject)


def _fault(scheme: str, error: PluginError) -> Fault:
    if isinstance(error, PluginNotFound):
        return Fault.MISSING if "pip install" in str(error) else Fault.UNKNOWN
    claims = len(entry_points(group=RESOLVERS, name=scheme)) + (scheme in BUILT_IN)
    return Fault.CLAIMED_TWICE if claims > 1 else Fault.BROKEN


def _policies(config: MeshConfig) -> Iterator[Part]:
    from meshclient.http.http2 import require_h2
    from meshclient.mesh import policies
    from meshclient.mesh.balancers import BUILT_IN as OWN
    from meshclient.mesh.balancers import find_balancer

    services = {"defaults": config.defaults, **config.services}
    for balancer in sorted({service.balancer for service in services.values()} - OWN.keys()):
        try:
            find_balancer(balancer)
        except PluginError as exc:
            yield Part(balancer, Fault.POLICY, str(exc))
        else:
            yield Part(balancer)
    told = set()
    for name, service in services.items():
        try:
            policies.rehearse((service,))
            if service.http2:
                require_h2(name)
        except (MeshError, OSError, ValueError) as exc:
            # What services have from the defaults is told once.
            if str(exc) not in told:
                yield Part(name, Fault.POLICY, str(exc) if name in str(exc) else f"{name}: {exc}")
            told.add(str(exc))


def _unused(named: set[str]) -> Iterator[tuple[str, str]]:
    from meshclient.mesh.balancers import BALANCERS
    from meshclient.mesh.balancers import BUILT_IN as OWN
    from meshclient.mesh.circuit_store import CIRCUITS

    built_in: Mapping[str, Mapping[str, str]] = {RESOLVERS: BUILT_IN, BALANCERS: OWN}
    for group in (RESOLVERS, REGISTRARS, BALANCERS, CIRCUITS, "meshclient.commands"):
        points = installed(group)
        claims: dict[str, list[str]] = {name: ["meshclient"] for name in built_in.get(group, {})}
        for name, distribution, _ in points:
            claims.setdefault(name, []).append(distribution)
        for name, distribution, point in points:
            if name in named or name not in claims:
                continue
            claimed = sorted(set(claims.pop(name)))
            try:
                if len(claimed) > 1:
                    yield name, f"{name!r} of {group} is claimed by {' and '.join(claimed)}"
                else:
                    point.load()
            except Exception as exc:  # noqa: BLE001 - a plugin's own
                yield name, f"{name!r} of {group} ({distribution}) cannot be loaded: {describe(exc)}"
