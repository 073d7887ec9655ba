"""A service's list, for documents and for tables; shared by the commands that show one."""

from __future__ import annotations

import errno
import os
import re
from typing import TYPE_CHECKING

from meshclient.cli.complaint import Complaint, no_resolver
from meshclient.cli.exit_status import ExitStatus
from meshclient.cli.render import Cell, Column
from meshclient.errors import ConfigError
from meshclient.model.duration import format_duration
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Empty, Failed, Pending

if TYPE_CHECKING:
    from meshclient import Endpoint, Mesh
    from meshclient.config.shape import MeshConfig
    from meshclient.mesh import MeshService
    from meshclient.model.snapshot import Snapshot

COLUMNS = (
    Column("ENDPOINT"),
    Column("ZONE"),
    Column("WEIGHT", right=True),
    Column("HEALTH"),
    Column("TAGS"),
    Column("PRIORITY", wide=True, right=True),
    Column("ID", wide=True),
    Column("METADATA", wide=True),
)
_ADDRESS = re.compile(r"(?:mesh|https?)://", re.IGNORECASE)
# Seconds: nobody reads less than the one, nor tenths beyond the other.
_FINEST, _COARSE = 0.001, 10.0
_STYLES = {"passing": "green", "warning": "yellow", "critical": "red", "draining": "yellow"}


def service_called(mesh: Mesh, name: str) -> MeshService:
    """The service; raises ConfigError for what is no name, and the complaint where nobody can be asked."""
    return mesh.service(named(mesh.config, name, resolved=bool(mesh.config.resolver)).value)


def named(config: MeshConfig, name: str, *, resolved: bool) -> ServiceName:
    """The service that somebody wrote as `name`, which may be an address of it such as ``mesh://orders/v1``.

    Raises ConfigError for what is no name, and the complaint where there is neither a resolver (`resolved`) nor a list
    in the configuration.
    """
    try:
        parsed = ServiceName.parse(_ADDRESS.sub("", name).partition("/")[0] if _ADDRESS.match(name) else name)
    except ValueError as exc:
        raise ConfigError(str(exc)) from None
    if not resolved and not config.service(parsed).endpoints:
        listed = [each for each, service in config.services.items() if service.endpoints]
        raise no_resolver(parsed.value, listed)
    return parsed


def endpoint_document(endpoint: Endpoint) -> dict[str, object]:
    """An endpoint as JSON-ready data."""
    return {
        "host": endpoint.host,
        "port": endpoint.port,
        "scheme": endpoint.scheme,
        "id": endpoint.id or None,
        "weight": endpoint.weight,
        "priority": endpoint.priority,
        "zone": endpoint.zone or None,
        "tags": list(endpoint.tags),
        "metadata": dict(sorted(endpoint.metadata.items())),
        "health": str(endpoint.health),
    }


def snapshot_document(service: str, snapshot: Snapshot, now: float) -> dict[str, object]:
    """A snapshot as JSON-ready data; `now` is the service's clock."""
    return {
        "service": service,
        "state": snapshot.state,
        "endpoints": [endpoint_document(endpoint) for endpoint in snapshot.endpoints],
        "source": snapshot.source,
        "version": snapshot.version,
        "age_seconds": age(snapshot, now),
        "cause": cause(service, snapshot) or None,
    }


def age(snapshot: Snapshot, now: float) -> float | None:
    """Seconds since the list was last confirmed, or None where there never was one."""
    confirmed = snapshot.last if isinstance(snapshot, Failed) else snapshot
    return None if confirmed is None or isinstance(confirmed, Pending) else max(0.0, now - confirmed.at)


def age_text(seconds: float | None) -> str:
    """An age as captions tell it."""
    return "no list yet" if seconds is None else f"age {brief(seconds)}"


def brief(seconds: float) -> str:
    """A time as people read it: no finer than a millisecond, and of that no more than matters."""
    if seconds < _FINEST:
        return "<1ms"
    places = 3 if seconds < 1 else 1 if seconds < _COARSE else 0
    return format_duration(round(seconds, places))


def cause(service: str, snapshot: Snapshot) -> str:
    """Why there is no fresh list, or nothing."""
    if isinstance(snapshot, Failed):
        return snapshot.cause
    if isinstance(snapshot, Pending):
        return "no answer came within the time given"
    if isinstance(snapshot, Empty):
        return f"{snapshot.source} " + ("lists no endpoint" if snapshot.exists else f"knows no service {service!r}")
    return ""


def rows(snapshot: Snapshot) -> list[tuple[str | Cell, ...]]:
    """The endpoints under `COLUMNS`."""
    return [row(endpoint) for endpoint in snapshot.endpoints]


def row(endpoint: Endpoint) -> tuple[str | Cell, ...]:
    """An endpoint under `COLUMNS`."""
    return (
        endpoint.url,
        endpoint.zone,
        f"{endpoint.weight:g}",
        Cell(str(endpoint.health), _STYLES.get(endpoint.health, "")),
        ",".join(endpoint.tags),
        str(endpoint.priority),
        endpoint.id,
        " ".join(f"{key}={value}" for key, value in sorted(endpoint.metadata.items())),
    )


def verdict(service: str, snapshot: Snapshot, patience: str) -> Complaint | None:
    """What is wrong with the answer, or None where a usable endpoint is known for sure.

    `patience` is the command's option that allows more time.
    """
    why = cause(service, snapshot)
    if isinstance(snapshot, Pending | Failed):
        known = f"; the {len(snapshot.endpoints)} endpoints above may be outdated" if snapshot.endpoints else ""
        pending = isinstance(snapshot, Pending)
        does = "has not answered" if pending else "is unavailable"
        longer = f"; {patience} allows more time" if pending else ""
        return Complaint(
            ExitStatus.UNAVAILABLE,
            f"cannot resolve {service!r}: {snapshot.source} {does}",
            why + known,
            f"{_remedy(snapshot)}{longer}",
        )
    if isinstance(snapshot, Empty) and not snapshot.exists:
        return Complaint(
            ExitStatus.NOT_FOUND,
            f"there is no service {service!r}",
            why,
            "check the spelling, and in which registry the service is listed",
        )
    if not any(endpoint.usable for endpoint in snapshot.endpoints):
        return Complaint(
            ExitStatus.NO_ENDPOINTS,
            f"{service!r} has no usable endpoint",
            why or f"{snapshot.source} says critical or draining of all {len(snapshot.endpoints)}",
            "see why its instances do not pass their health checks, or start one",
        )
    return None


def _remedy(snapshot: Snapshot) -> str:
    if isinstance(snapshot, Failed) and os.strerror(errno.ENOENT) in snapshot.cause:
        return "create the file, or correct its path in the resolver"
    # Plugins tell a refusal by the name of its class, with which a cause begins.
    if isinstance(snapshot, Failed) and re.match(r"\w*Denied\b", snapshot.cause):
        return "check the credentials that it is asked with, and what they allow"
    return "check the address in the resolver and that the registry is reachable from here"
