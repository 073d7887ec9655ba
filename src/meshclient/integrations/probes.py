"""What an orchestrator asks: whether this process answers, and whether it is to be called.

Neither depends on other services' health: one that is taken out because of those it calls makes two outages of one.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING

from meshclient.integrations.reply import Reply
from meshclient.model.snapshot import Failed, Pending

if TYPE_CHECKING:
    from meshclient.integrations.options import Inbound
    from meshclient.registration.lease import Lease

# What says 404 is the framework's router, or the application that has no such route.
ABSENT = 404
_HEADERS = (("Content-Type", "application/json"), ("Cache-Control", "no-store"))
REGISTERED = "registered"


class Probes:
    """The answers.

    Args:
        options: of the middleware.

    Attributes:
        paths: those that are answered here.
        first: whether they are before the application is asked.
    """

    def __init__(self, options: Inbound) -> None:
        self.paths = frozenset(path for path in (options.health, options.ready) if path)
        self.first = options.probes_first
        self._options = options

    def reply(self, path: str, query: str = "", lease: Lease | None = None) -> Reply:
        """The answer at one of the paths.

        Args:
            path: it.
            query: ``exclude=registered`` leaves the registration out of account, as the registry's own check must.
            lease: where the options name none.
        """
        if path != self._options.ready:
            return _reply(HTTPStatus.OK, {"status": "ok"})
        missing = self.missing(lease, registered=f"exclude={REGISTERED}" not in query.split("&"))
        if missing:
            return _reply(HTTPStatus.SERVICE_UNAVAILABLE, {"status": "not ready", "missing": missing})
        return _reply(HTTPStatus.OK, {"status": "ready"})

    def missing(self, lease: Lease | None = None, *, registered: bool = True) -> list[str]:
        """What this process is not ready for want of, in words."""
        return [*self._unlisted(lease, registered=registered), *self._unknown()]

    def _unlisted(self, found: Lease | None, *, registered: bool) -> list[str]:
        given = self._options.lease
        lease = given() if callable(given) else given or found
        if lease is None:
            return [f"{REGISTERED}: not begun"] if registered and callable(given) else []
        # A registry that asks here before it lists would wait for itself.
        asks = lease.registration.health.partition("?")[0] == self._options.ready
        # Of the workers of a host one has the instance listed, for all of them.
        listed = lease.listed or lease.elsewhere
        return [] if listed or asks or not registered else [f"{REGISTERED}: not listed, or leaving"]

    def _unknown(self) -> list[str]:
        mesh = self._options.mesh
        # Without a thread a list is asked for when somebody calls, and is none that this process keeps.
        if mesh is None or mesh.config.mode == "on-demand":
            return []
        snapshots = [(name, mesh.service(name).watch.course.snapshot) for name in self._options.needs]
        return [
            f"{name}: no list of its endpoints yet"
            for name, snapshot in snapshots
            if isinstance(snapshot, Pending) or (isinstance(snapshot, Failed) and snapshot.last is None)
        ]


def _reply(status: HTTPStatus, said: dict[str, object]) -> Reply:
    return Reply(status, json.dumps(said).encode(), _HEADERS)
