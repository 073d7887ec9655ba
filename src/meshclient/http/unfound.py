"""What to say where a host has no address because somebody meant a service by it.

A name that no configuration knows goes out as a host, as with httpx, and ends there with "Name or service not known":
true, and no help to whoever forgot the resolver or misspelt the service. The error stays httpx's own, and gets a note.
"""

from __future__ import annotations

import socket
from difflib import get_close_matches
from typing import TYPE_CHECKING

import httpx

from meshclient.mesh.naming import SCHEME

if TYPE_CHECKING:
    from meshclient.mesh import Mesh

_REMEDY = (
    'name a registry (resolver = "consul://127.0.0.1:8500") or where it listens (services.{0}.endpoints = '
    '["http://127.0.0.1:8080"]), as arguments of the client or in meshclient.toml, which '
    "Client(mesh=meshclient.Mesh.from_config()) reads"
)
# Causes have causes, and never this many.
_DEPTH = 8


def note_unfound(error: httpx.TransportError, cause: BaseException, request: httpx.Request, mesh: Mesh) -> None:
    """Say in a note of `error` how its host would have been a service, where it was taken for a host and is none.

    Args:
        error: what the user gets.
        cause: `error`, or what it is raised from.
        request: as it was given; where redirects were followed the error knows a later one.
        mesh: of the client.
    """
    url = _failed(error, request).url
    host = url.host
    if url.scheme == SCHEME and isinstance(error, httpx.UnsupportedProtocol):
        error.add_note(f"meshclient: {host!r} is a service, and this client knows of none: {_REMEDY.format(host)}")
    elif hasattr(error, "mesh") or not _nameless(cause):
        return
    elif "." not in host:
        error.add_note(f"meshclient: {host!r} was taken for a host: {_why(host, mesh)}")
    elif not mesh.idle:
        error.add_note(
            f"meshclient: {host!r} was taken for a host: a name with dots is a service where the configuration names "
            f"it, beneath one of `domains`, or as mesh://{host}"
        )


def _failed(error: httpx.TransportError, request: httpx.Request) -> httpx.Request:
    try:
        return error.request
    except RuntimeError:  # what stands in for a transport in tests may not have given it one
        return request


def _nameless(error: BaseException | None) -> bool:
    """Whether the lookup of a name is at the bottom of it."""
    for _ in range(_DEPTH):
        if error is None or isinstance(error, socket.gaierror):
            break
        error = error.__cause__ or error.__context__
    return isinstance(error, socket.gaierror)


def _why(host: str, mesh: Mesh) -> str:
    known = sorted(mesh.config.services)
    if not known:
        return f"this client knows of no service; {_REMEDY.format(host)}"
    close = get_close_matches(host, known, 1)
    meant = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"
    return f"it is none of the services of this client, which has no resolver to ask for others; {meant}"
