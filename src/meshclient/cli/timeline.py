"""What happened in a call, attempt by attempt, for ``--trace``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.cli.listing import age_text
from meshclient.model.duration import format_duration

if TYPE_CHECKING:
    from meshclient.model.report import AttemptReport, CallReport


def timeline(report: CallReport | None) -> list[str]:
    """The lines; of a call that was not for the mesh, one that says so."""
    if report is None:
        return ["trace: not a call of the mesh, or ended before it began"]
    lines = [f"trace: service {report.service}"]
    if report.snapshot is not None:
        seen = report.snapshot
        lines[0] += f", list {seen.state} from {seen.source}, version {seen.version}, {age_text(seen.age)}"
        lines += [f"  the registry says: {seen.cause}"] if seen.cause else []
    lines += [_line(number, attempt) for number, attempt in enumerate(report.attempts, 1)]
    if not report.attempts:
        lines.append("  nothing was sent")
    if report.deadline_left is not None:
        lines.append(f"  {format_duration(report.deadline_left)} of the deadline left")
    return lines


def _line(number: int, attempt: AttemptReport) -> str:
    outcome = attempt.outcome
    parts = [
        f"  {number}. at {format_duration(attempt.started)}: {attempt.endpoint.url}",
        f" ({attempt.endpoint.id})" if attempt.endpoint.id else "",
        f" in {attempt.endpoint.zone}" if attempt.endpoint.zone else "",
        f" {outcome.kind}",
        f" {outcome.status}" if outcome.status is not None else "",
        f" after {format_duration(attempt.duration)}, {outcome.verdict.sent.words}",
        ", probe of an ejected endpoint" if attempt.probe else "",
        f"; {outcome.detail}" if outcome.detail else "",
        f"; {attempt.reason}" if attempt.reason else "",
    ]
    return "".join(parts)
