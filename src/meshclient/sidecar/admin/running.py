"""The services that a mesh has in use, and each part of one that is balanced by itself.

Looking is no use of a service, and a name that nobody has called is not looked up: a request to administration must not
begin to watch what it names.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

from meshclient.sidecar.admin.reply import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient.core.balance.status import EndpointStatus
    from meshclient.mesh import Mesh, MeshService

# Of a service whose endpoints are divided, what no variant has.
_REST = "rest"


@dataclass(frozen=True, slots=True)
class Running:
    """One list of endpoints that is balanced.

    Args:
        name: of the service, and of the variant behind a slash, as circuits are named.
        service: its state.
        whole: whether it is the service and no part of it.
    """

    name: str
    service: MeshService
    whole: bool = True


def running(mesh: Mesh) -> list[Running]:
    """Everything in use, by name; the variants of a service follow it."""
    in_use = mesh.tally.services
    services = {} if in_use is None else cast("Mapping[str, MeshService]", in_use.services)
    found: list[Running] = []
    for name, service in sorted([*services.items()]):
        found.append(Running(name, service))
        if service.branches is not None:
            parts = list(service.branches._parts.items())  # noqa: SLF001 - what calls do is seen there, not in the whole
            found += [Running(f"{name}/{label or _REST}", part, whole=False) for label, part in sorted(parts)]
    return found


def find(mesh: Mesh, name: str | None) -> Running:
    """What is called so; raises Refused where nothing in use is."""
    if not name:
        raise Refused(HTTPStatus.BAD_REQUEST, "bad_request", "say which service: ?service=NAME")
    everything = running(mesh)
    for each in everything:
        if each.name == name:
            return each
    known = ", ".join(each.name for each in everything[:20]) or "none yet"
    detail = f"no service of this name is in use here, which the first call of one begins; in use: {known}"
    raise Refused(HTTPStatus.NOT_FOUND, "service_not_found", detail)


def find_endpoint(one: Running, text: str | None) -> EndpointStatus:
    """The endpoint with this address, URL or id; raises Refused where there is none, or several are."""
    if not text:
        raise Refused(HTTPStatus.BAD_REQUEST, "bad_request", "say which endpoint: &endpoint=HOST:PORT, its URL or id")
    parts = one.service.balancer.status(one.service.clock())
    found = [part for part in parts if text in {part.endpoint.id, part.endpoint.authority, part.endpoint.url}]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(part.endpoint.id for part in found)
        detail = f"{len(found)} endpoints listen there: name one by its id, of {ids}"
        raise Refused(HTTPStatus.CONFLICT, "ambiguous_endpoint", detail)
    known = ", ".join(part.endpoint.authority for part in parts[:20]) or "none"
    detail = f"{one.name} has no endpoint with this address, URL or id; it has {known}"
    raise Refused(HTTPStatus.NOT_FOUND, "endpoint_not_found", detail)
