"""What happened in a call, attempt by attempt and phase by phase, for ``--trace``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.cli.chart import Lane, Segment, Tone, Waterfall
from meshclient.cli.listing import age_text
from meshclient.cli.phases import Phase, in_order
from meshclient.model.duration import format_duration
from meshclient.model.outcome import Kind

if TYPE_CHECKING:
    from meshclient.cli.phases import Span, Trace
    from meshclient.model.report import AttemptReport, CallReport

_WORDS = {
    Phase.RESOLVE: "resolve",
    Phase.POOL: "pool",
    Phase.CONNECT: "connect",
    Phase.TLS: "TLS",
    Phase.WRITE: "write",
    Phase.FIRST_BYTE: "first byte",
    Phase.BODY: "body",
    Phase.BACK_OFF: "back-off",
}


def waterfall(trace: Trace, service: str = "") -> Waterfall:
    """The call as a chart; `service` is what it is a call of, if its end came before its report."""
    report = trace.report
    lanes = [_loose(span) for span in trace.of(None)]
    if report is None or not report.attempts:
        lanes += [_part(span) for span in trace.of(1)]
        unheard = f"trace: service {service}, interrupted" if service else f"trace: {trace.url}, no call of the mesh"
        title = unheard if report is None else heading(report)
        note = "" if lanes else "nothing was sent"
    else:
        title, note = heading(report), ""
        for number, attempt in enumerate(in_order(report), 1):
            lanes.append(_lane(number, attempt, trace))
            lanes += [_part(span) for span in trace.of(number)]
        # Those of no attempt stand where they happened.
        lanes = _in_order(lanes)
    if report is not None and not report.attempts:
        note = f"from the cache ({report.cache})" if report.cache else "nothing was sent"
    if report is not None and report.deadline_left is not None:
        left = f"{format_duration(max(report.deadline_left, 0.0))} of the deadline left"
        note = f"{note}; {left}" if note else left
    return Waterfall(title, lanes, trace.end, note)


def heading(report: CallReport) -> str:
    """What was called, and the list behind it."""
    line = f"trace: service {report.service}"
    if report.snapshot is not None:
        seen = report.snapshot
        line += f", list {seen.state} from {seen.source}, version {seen.version}, {age_text(seen.age)}"
        line += f"; the registry says: {seen.cause}" if seen.cause else ""
    return line


def _in_order(lanes: list[Lane]) -> list[Lane]:
    """Each attempt keeps its phases; attempts and what lies between them by their begin."""
    groups: list[list[Lane]] = []
    for lane in lanes:
        if lane.depth and groups:
            groups[-1].append(lane)
        else:
            groups.append([lane])
    return [lane for group in sorted(groups, key=lambda each: each[0].segments[0].begin) for lane in group]


def _loose(span: Span) -> Lane:
    tone = Tone.FAINT if span.phase is Phase.BACK_OFF else Tone.PLAIN
    return Lane(_WORDS[span.phase], [Segment(span.begin, span.end, tone)], _took(span))


def _part(span: Span) -> Lane:
    return Lane(_WORDS[span.phase], [Segment(span.begin, span.end)], _took(span), depth=1)


def _took(span: Span) -> str:
    return _brief(span.end - span.begin)


def _brief(seconds: float) -> str:
    """Two digits behind the point are enough of a millisecond."""
    return format_duration(seconds) if seconds >= 0.001 else f"{seconds * 1000:.2f}ms"


def _lane(number: int, attempt: AttemptReport, trace: Trace) -> Lane:
    outcome, endpoint = attempt.outcome, attempt.endpoint
    over = max([attempt.started + attempt.duration, *(span.end for span in trace.of(number))])
    tone = Tone.GOOD if outcome.kind is Kind.OK else Tone.FAINT if outcome.kind is Kind.CANCELLED else Tone.BAD
    more = [
        f"{outcome.kind}{'' if outcome.status is None else f' {outcome.status}'}, {outcome.verdict.sent.words}",
        f"id {endpoint.id}" if endpoint.id else "",
        f"zone {endpoint.zone}" if endpoint.zone else "",
        "beside another attempt" if attempt.hedge else "",
        "probe of an ejected endpoint" if attempt.probe else "",
    ]
    why = [", ".join(each for each in more if each), outcome.detail or outcome.injected, attempt.reason]
    return Lane(
        f"{number}. {endpoint.url}",
        [Segment(attempt.started, over, tone)],
        _brief(over - attempt.started),
        note="; ".join(each for each in why if each),
    )
