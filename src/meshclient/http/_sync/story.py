# Generated from src/meshclient/http/_async/story.py by scripts/unasync.py; edit that file, then run `make sync`.
"""A plain call's attempt, and what its response says of it when somebody asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.core.first_attempt import FirstAttempt
from meshclient.http._sync.engine_network_stream import ConnectionInfo
from meshclient.model.report import CallReport

if TYPE_CHECKING:
    from meshclient.engine.blocking.connection import Connection
    from meshclient.mesh import MeshService


class Story(FirstAttempt):
    """For ``response.extensions``; called for it once it `succeeded`.

    Attributes:
        deadline: seconds of the whole call, or None.
        connection: that the response came on.
    """

    __slots__ = ("connection", "deadline")

    service: MeshService
    connection: Connection
    deadline: float | None

    def __call__(self) -> dict[str, object]:
        service, report = self.service, self.report()
        left = None if self.deadline is None else max(0.0, self.deadline - (self.ended - self.started))
        snapshot = service.snapshot_report(self.snapshot, self.ended)
        told = CallReport(service.name, () if report is None else (report,), snapshot, left)
        return {"network_stream": ConnectionInfo(self.connection), "mesh": told}
