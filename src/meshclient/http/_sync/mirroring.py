# Generated from src/meshclient/http/_async/mirroring.py by scripts/unasync.py; edit that file, then run `make sync`.
"""Copies of requests, sent beside the real ones to a shadow whose answers are thrown away.

A copy never delays, fails or changes the real call: it is a request of its own, begun beside it, and whatever becomes
of it is nobody's news. Copies take connections of the same pool, at most as many as the mirror's limit, and each is
tried once. A forked child carries none of its parent's copies on.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Protocol

import httpx

from meshclient.http.errands import Errands

if TYPE_CHECKING:
    from meshclient.core.traffic.mirror import Mirror
    from meshclient.mesh import MeshService

# Tells the shadow, and whoever it calls, that nobody waits for the answer.
SHADOW_HEADER = "mesh-shadow"
# Bytes of an answer that are read so that its connection can be used again; more cost more than a new connection.
DRAINED = 64 * 1024
_ONCE = {"retry": False, "hedge": False}


class Send(Protocol):
    """Makes a call."""

    def __call__(self, request: httpx.Request, target: MeshService, /) -> httpx.Response:
        """The response of `target`, a service or subset, to `request`."""
        ...


class Mirroring:
    """The copies of one transport."""

    def __init__(self) -> None:
        self._errands = Errands()

    def offer(self, request: httpx.Request, target: MeshService, mirror: Mirror, chance: float, send: Send) -> None:
        """Copy `request` if the mirror's budget allows; returns at once.

        Args:
            request: the real one, about to be sent; only one whose body is at hand is copied.
            target: where the copy goes.
            mirror: the budget.
            chance: uniform in [0, 1).
            send: makes the call.
        """
        self._errands.renew()
        copyable = isinstance(request.stream, httpx.ByteStream)
        if mirror.take(chance, copyable=copyable):
            self._errands.begin(partial(_deliver, copied(request), target, send), mirror.done)

    def close(self) -> None:
        """Wait about a second for copies under way, and give up the rest."""
        self._errands.close()


def copied(request: httpx.Request) -> httpx.Request:
    """`request` as it is sent to a shadow: its own time limits, no trace, one attempt, and a header that says so."""
    extensions: dict[str, object] = {"mesh": _ONCE}
    if "timeout" in request.extensions:
        extensions["timeout"] = request.extensions["timeout"]
    headers = request.headers.copy()
    headers[SHADOW_HEADER] = "true"
    return httpx.Request(request.method, request.url, headers=headers, stream=request.stream, extensions=extensions)


def _deliver(request: httpx.Request, target: MeshService, send: Send) -> None:
    # Whatever goes wrong with a copy is no fault of the call that it was made of.
    with suppress(Exception):
        response = send(request, target)
        try:
            size = 0
            for chunk in response.stream:  # type: ignore[union-attr]
                size += len(chunk)
                if size > DRAINED:
                    break
        finally:
            response.close()
