"""Which service a URL means, and by which rule. Pure; what decides is `meshclient.mesh.naming`, this says why."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient.mesh.naming import SCHEME

if TYPE_CHECKING:
    from meshclient.config.shape import MeshConfig


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a URL leads.

    Args:
        service: its name; empty where the call passes straight through.
        rule: ``mesh_scheme``, ``domain``, ``configured`` or ``single_label`` for a service; ``ip_address``,
            ``localhost``, ``foreign_domain``, ``nobody_to_ask``, ``foreign_scheme`` or ``no_name`` where it is none.
        why: the rule in words.
        fix: how to have it otherwise, where somebody may have meant that.
    """

    service: str
    rule: str
    why: str
    fix: str = ""


def destination(scheme: str, host: str, service: str | None, config: MeshConfig) -> Destination:
    """Why a URL with this scheme and host means `service`, as the mesh says, or none."""
    folded = host.lower().removesuffix(".")
    domain = max((each for each in config.domains if folded.endswith(f".{each}")), key=len, default="")
    name = folded.removesuffix(f".{domain}") if domain else folded
    if service is None:
        return Destination("", *_passes(scheme, folded, name, config))
    if scheme == SCHEME:
        return Destination(service, "mesh_scheme", "every mesh:// URL names a service")
    if domain:
        return Destination(service, "domain", f"{folded} is beneath {domain!r}, one of the configured domains")
    if config.names(name):
        return Destination(service, "configured", f"[services.{name}] configures it")
    return Destination(service, "single_label", "the host has a single label, and there is a resolver to ask")


def _passes(scheme: str, host: str, name: str, config: MeshConfig) -> tuple[str, str, str]:
    as_mesh = f"write mesh://{host}/ to call a service of that name"
    if scheme not in ("http", "https", SCHEME):
        return "foreign_scheme", f"a service is called by http, https or mesh, not by {scheme}", as_mesh
    if _is_address(host):
        return "ip_address", "the host is an IP address, which is never a service", ""
    if name == "localhost":
        return "localhost", "localhost is never a service", ""
    if "." in host and name == host:
        domains = ", ".join(config.domains)
        why = f"the host has a dot, is beneath none of the domains ({domains}), and no [services] table has its name"
        return "foreign_domain", why, f"add its domain to `domains`, or {as_mesh}"
    if not config.resolver and not config.names(name):
        why = f"there is no resolver to ask, and no [services.{name}]"
        return "nobody_to_ask", why, "set `resolver`, or give the service its endpoints in the configuration"
    return "no_name", f"{name!r} cannot be the name of a service", ""


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
