"""One attempt of production, as it is written down for a replay."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient.model.endpoint import Endpoint
from meshclient.model.outcome import Kind, Outcome

if TYPE_CHECKING:
    from meshclient.model.events import AttemptFinished


@dataclass(frozen=True, slots=True)
class Record:
    """An attempt.

    Args:
        time: seconds when it ended, since the recording began.
        service: as in the URL.
        endpoint: where it went; its address, id and zone.
        number: 1 for the first of its call.
        outcome: how it ended; its kind and status.
        duration: seconds to the response head or the failure.
    """

    time: float
    service: str
    endpoint: Endpoint
    number: int
    outcome: Outcome
    duration: float

    @classmethod
    def of(cls, event: AttemptFinished, time: float) -> Record:
        """The record of what an observer was told at `time`."""
        return cls(time, event.service, event.endpoint, event.number, event.outcome, event.duration)

    @classmethod
    def parse(cls, line: str) -> Record:
        """The record in a line. Raises ValueError where there is none."""
        try:
            given = json.loads(line)
            endpoint = Endpoint(
                str(given["host"]),
                int(given["port"]),
                str(given["scheme"]),
                id=str(given["id"] or ""),
                zone=str(given["zone"] or ""),
            )
            outcome = Outcome(Kind(given["outcome"]), None if given["status"] is None else int(given["status"]))
            time, number, duration = float(given["time"]), int(given["number"]), float(given["duration"])
            return cls(time, str(given["service"]), endpoint, number, outcome, duration)
        except KeyError as exc:
            raise ValueError(f"there is no {exc.args[0]!r}") from None
        except (TypeError, RecursionError) as exc:
            raise ValueError(str(exc)) from None

    def line(self) -> str:
        """The record as a line of JSON, without its end."""
        document = {
            "time": round(self.time, 6),
            "service": self.service,
            "scheme": self.endpoint.scheme,
            "host": self.endpoint.host,
            "port": self.endpoint.port,
            "id": self.endpoint.id or None,
            "zone": self.endpoint.zone or None,
            "number": self.number,
            "outcome": str(self.outcome.kind),
            "status": self.outcome.status,
            "duration": round(self.duration, 6),
        }
        return json.dumps(document)
