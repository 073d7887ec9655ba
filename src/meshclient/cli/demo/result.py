"""What the demonstration shows: the document for scripts, and the tables for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.cli.demo.load import RATE, WORKERS
from meshclient.cli.demo.scenario import PHASES
from meshclient.cli.render import Answer, Cell, Column, Sheet

if TYPE_CHECKING:
    from meshclient.cli.demo.scenario import Demonstration
    from meshclient.cli.demo.tally import Tally

SCHEMA = "meshclient.demo/v1"
_INSTANCE_COLUMNS = (
    Column("INSTANCE"),
    Column("ENDPOINT", wide=True),
    Column("FATE"),
    Column("STATE"),
    Column("MESH SHARE", right=True),
    Column("SUCCESS", right=True),
    Column("HTTPX SHARE", right=True),
    Column("SUCCESS", right=True),
)
_TOTAL_COLUMNS = (
    Column("CLIENT"),
    Column("CALLS", right=True),
    Column("FAILED", right=True),
    Column("RETRIED", right=True),
    Column("P50", right=True),
    Column("P99", right=True),
)
_STATES = {
    "in_rotation": Cell("in rotation", "green"),
    "avoided": Cell("in rotation, avoided", "yellow"),
    "ejected": Cell("ejected", "red"),
    "probing": Cell("probing", "yellow"),
}


def answer(run: Demonstration) -> Answer:
    """The result in all its forms."""
    return Answer(document(run), sheets(run), [instance.url for instance in run.instances])


def document(run: Demonstration) -> dict[str, object]:
    """The result as JSON-ready data."""
    return {
        "schema": SCHEMA,
        "duration_seconds": run.duration,
        "workers": WORKERS,
        "rate_per_second": RATE,
        "mesh": run.mesh.document(),
        "plain": run.plain.document(),
        "endpoints": [
            {
                "endpoint": instance.url,
                "instance": instance.name,
                "fate": instance.fate or None,
                "state": run.states.get(instance.url),
                "mesh": _endpoint(run.mesh, instance.url),
                "plain": _endpoint(run.plain, instance.url),
            }
            for instance in run.instances
        ],
        "phases": [{"phase": phase, "started_seconds": share * run.duration} for phase, share in PHASES.items()],
        "events": [happening.document() for happening in run.happenings],
    }


def _endpoint(tally: Tally, url: str) -> dict[str, object]:
    return {
        "attempts": tally.attempts(url),
        "success": tally.success(url),
        "share": {phase: tally.share(phase, url) for phase in PHASES},
    }


def sheets(run: Demonstration) -> list[Sheet]:
    """The tables, as things stand now; the shares are those of the current phase."""
    rows = [
        (
            instance.name,
            instance.url,
            Cell(instance.fate, "yellow"),
            _state(run.states.get(instance.url, "")),
            _percent(run.mesh.share(run.phase, instance.url)),
            _percent(run.mesh.success(instance.url)),
            _percent(run.plain.share(run.phase, instance.url)),
            _percent(run.plain.success(instance.url)),
        )
        for instance in run.instances
    ]
    when = min(run.elapsed, run.duration)
    meaning = "shares are those of this phase; SUCCESS counts attempts, not calls"
    caption = f"{when:.1f}s of {run.duration:g}s, phase {run.phase} ({meaning})"
    totals = [_total("meshclient", run.mesh), _total("httpx alone", run.plain)]
    return [Sheet(caption, _INSTANCE_COLUMNS, rows), Sheet("", _TOTAL_COLUMNS, totals)]


def _state(state: str) -> Cell:
    return _STATES.get(state, Cell(state))


def _total(client: str, tally: Tally) -> tuple[str | Cell, ...]:
    return (
        client,
        str(tally.calls),
        Cell(str(tally.failed), "bold red" if tally.failed else "bold green"),
        str(tally.retried),
        _milliseconds(tally.latency(0.5)),
        _milliseconds(tally.latency(0.99)),
    )


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share * 100:.0f}%"


def _milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1000:.0f} ms"
