"""The options that ``sidecar`` and ``run`` have in common, and the configuration that they make."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

F = TypeVar("F", bound=Callable[..., object])


def sidecar_options(command: F) -> F:
    """Add them. They arrive as keyword arguments that `arguments_of` takes."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def arguments_of(  # noqa: PLR0917 - as many as there are options
    listen: str | None,
    inbound: str | None,
    app: str | None,
    app_port: int | None,
    admin: str | None,
    service: str | None,
    upstreams: tuple[str, ...],
    data_plane: str | None,
) -> dict[str, object]:
    """The ``[sidecar]`` table that they make; what was not given is left to the file.

    Raises click.UsageError for two that exclude each other.
    """
    if app is not None and app_port is not None:
        msg = "--app and --app-port both say where the application listens: give one of them"
        raise click.UsageError(msg)
    given = {
        "outbound": listen,
        "inbound": inbound,
        "app": app if app_port is None else f"127.0.0.1:{app_port}",
        "admin": admin,
        "service": service,
        "upstreams": list(upstreams) or None,
        "data_plane": data_plane,
    }
    return {key: False if value == "off" else value for key, value in given.items() if value is not None}


_OPTIONS = (
    click.option(
        "--listen",
        metavar="ADDR",
        help="Where programs of this host send their requests, such as 127.0.0.1:7140, unix:/run/mesh.sock or off.",
    ),
    click.option(
        "--inbound", metavar="ADDR", help="Where others send theirs for the local application (default: off)."
    ),
    click.option("--app", metavar="ADDR", help="Where that application listens (default: 127.0.0.1:8080)."),
    click.option("--app-port", type=click.IntRange(1, 65535), metavar="PORT", help="The same, on 127.0.0.1."),
    click.option("--admin", metavar="ADDR", help="Where it tells of itself (default: 127.0.0.1:7190), or off."),
    click.option("--service", metavar="NAME", help="Send everything to this service, whatever it names."),
    click.option(
        "--upstream",
        "upstreams",
        metavar="URL",
        multiple=True,
        help="An endpoint of that service, in place of a registry; repeatable.",
    ),
    click.option(
        "--data-plane",
        type=click.Choice(["builtin", "envoy"]),
        help="What carries outbound requests (default: builtin).",
    ),
)
