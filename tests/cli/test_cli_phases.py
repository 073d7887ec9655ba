"""Where the time of a call went, out of what was heard of it."""

from __future__ import annotations

import pytest

from meshclient.cli.phases import Heard, Listener, Phase, Span, trace_of
from meshclient.http.trail import INJECTED
from meshclient.model.endpoint import Endpoint
from meshclient.model.outcome import CANCELLED, Kind, Outcome
from meshclient.model.report import AttemptReport, CallReport

ENDPOINT = Endpoint("10.0.0.1", 80)


def attempt(started: float, duration: float, kind: Kind = Kind.OK, *, hedge: bool = False) -> AttemptReport:
    outcome = CANCELLED if kind is Kind.CANCELLED else Outcome(kind, 200 if kind is Kind.OK else 503)
    return AttemptReport(ENDPOINT, outcome, started, duration, hedge=hedge)


def traced(heard: list[Heard], *attempts: AttemptReport, ended: float, begun: float = 100.0) -> list[Span]:
    """The spans, in times that are written as they are meant."""
    listener = Listener()
    listener.begun, listener.heard = begun, heard
    trace = trace_of("mesh://orders/", CallReport("orders", attempts) if attempts else None, listener, ended)
    return [Span(each.phase, each.attempt, round(each.begin, 6), round(each.end, 6)) for each in trace.spans]


def exchange(at: float, thread: int = 1) -> list[Heard]:
    """On a connection that is there: 1 to write, 4 to the head, 2 for the body."""
    return [
        Heard(at, thread, "send_request_headers.started"),
        Heard(at + 0.5, thread, "send_request_headers.complete"),
        Heard(at + 0.5, thread, "send_request_body.started"),
        Heard(at + 1, thread, "send_request_body.complete"),
        Heard(at + 1, thread, "receive_response_headers.started"),
        Heard(at + 5, thread, "receive_response_headers.complete"),
        Heard(at + 5, thread, "receive_response_body.started"),
        Heard(at + 7, thread, "receive_response_body.complete"),
        Heard(at + 7, thread, "response_closed.started"),
        Heard(at + 7, thread, "response_closed.complete"),
    ]


def test_each_step_is_a_phase() -> None:
    opening = [
        Heard(102, 1, "connect_tcp.started"),
        Heard(110, 1, "connect_tcp.complete", began=103.0, opened=True, shook=106.0),
        Heard(110, 1, "start_tls.started"),
        Heard(110, 1, "start_tls.complete"),
    ]
    assert traced([*opening, *exchange(110)], attempt(2, 13), ended=117) == [
        Span(Phase.RESOLVE, None, 0, 2),
        Span(Phase.POOL, 1, 2, 3),
        Span(Phase.CONNECT, 1, 3, 6),
        Span(Phase.TLS, 1, 6, 10),
        Span(Phase.WRITE, 1, 10, 11),
        Span(Phase.FIRST_BYTE, 1, 11, 15),
        Span(Phase.BODY, 1, 15, 17),
    ]


def test_the_steps_of_httpcore_are_phases_too() -> None:
    opening = [
        Heard(102, 1, "connect_tcp.started"),
        Heard(104, 1, "connect_tcp.complete"),
        Heard(104, 1, "start_tls.started"),
        Heard(107, 1, "start_tls.complete"),
    ]
    found = traced([*opening, *exchange(107)], attempt(2, 10), ended=114)
    assert Span(Phase.CONNECT, 1, 2, 4) in found
    assert Span(Phase.TLS, 1, 4, 7) in found


def test_a_wait_for_a_free_connection_is_no_connecting() -> None:
    waited = [
        Heard(102, 1, "connect_tcp.started"),
        Heard(105, 1, "connect_tcp.complete", began=105.0, opened=False),
    ]
    found = traced([*waited, *exchange(105)], attempt(2, 8), ended=112)
    assert Span(Phase.POOL, 1, 2, 5) in found
    assert Phase.CONNECT not in {span.phase for span in found}


def test_between_attempts_it_backs_off() -> None:
    first = [*exchange(101)[:6], Heard(106, 1, "response_closed.started"), Heard(106, 1, "response_closed.complete")]
    found = traced([*first, *exchange(108)], attempt(1, 5, Kind.SERVER_ERROR), attempt(8, 5), ended=115)
    assert Span(Phase.BACK_OFF, None, 6, 8) in found
    assert [span.phase for span in found if span.attempt == 1] == [Phase.WRITE, Phase.FIRST_BYTE]
    assert [span.phase for span in found if span.attempt == 2] == [Phase.WRITE, Phase.FIRST_BYTE, Phase.BODY]


def test_attempts_side_by_side_are_told_apart_by_their_threads() -> None:
    slow, quick = exchange(100, thread=1)[:5], exchange(103, thread=2)
    heard = sorted([*slow, *quick, Heard(108.5, 1, "receive_response_headers.failed")], key=lambda each: each.at)
    # As the library reports them: in the order in which they ended.
    found = traced(heard, attempt(3, 5, hedge=True), attempt(0, 8.5, Kind.CANCELLED), ended=110)
    assert Span(Phase.FIRST_BYTE, 2, 4, 8) in found
    assert Span(Phase.BODY, 2, 8, 10) in found
    assert [span for span in found if span.attempt == 1] == [
        Span(Phase.WRITE, 1, 0, 1),
        Span(Phase.FIRST_BYTE, 1, 1, 8.5),
    ]
    assert Phase.BACK_OFF not in {span.phase for span in found}


def test_what_never_ended_ends_with_its_attempt() -> None:
    assert traced([Heard(100, 1, "connect_tcp.started")], attempt(0, 3, Kind.CONNECT_TIMEOUT), ended=103) == [
        Span(Phase.CONNECT, 1, 0, 3)
    ]


def test_without_a_report_there_are_phases_all_the_same() -> None:
    found = traced(exchange(101), ended=108)
    assert [span.phase for span in found] == [Phase.WRITE, Phase.FIRST_BYTE, Phase.BODY]
    assert traced([], ended=108) == []


@pytest.mark.parametrize("info", [{}, {"began": 1.5, "opened": False, "shook": None}])
def test_the_listener_keeps_what_the_engine_notes(info: dict[str, object]) -> None:
    listener = Listener()
    listener("connection.connect_tcp.complete", {"return_value": None, **info})
    (heard,) = listener.heard
    assert (heard.event, heard.began, heard.opened) == ("connect_tcp.complete", info.get("began"), not info)


def test_an_attempt_whose_first_step_came_late_hides_no_other() -> None:
    """As on a busy machine, where the first of two side by side begins and then waits for its turn."""
    late, prompt = exchange(105, thread=1), exchange(110, thread=2)
    found = traced(
        [*late[:5], *prompt], attempt(2, 15, Kind.CANCELLED), attempt(10, 5, hedge=True), ended=117, begun=99
    )
    assert Span(Phase.POOL, 1, 2, 5) in found
    assert Span(Phase.WRITE, 2, 10, 11) in found
    assert Span(Phase.BODY, 2, 15, 17) in found


def test_a_fault_on_purpose_is_no_phase() -> None:
    def fault(at: float) -> list[Heard]:
        events = (INJECTED.partition(".")[2], "connect_tcp.started", "send_request_headers.started")
        return [Heard(at, 1, event) for event in events]

    # The first is answered in its place, the second late, the third as ever.
    heard = [*fault(102), *fault(110), *exchange(120), *exchange(130)]
    found = traced(
        heard,
        attempt(2, 3, Kind.SERVER_ERROR),
        attempt(10, 15, Kind.SERVER_ERROR),
        attempt(30, 5),
        ended=137,
    )
    assert [(each.phase, each.attempt, each.begin) for each in found if each.attempt] == [
        (Phase.WRITE, 2, 20),
        (Phase.FIRST_BYTE, 2, 21),
        (Phase.BODY, 2, 25),
        (Phase.WRITE, 3, 30),
        (Phase.FIRST_BYTE, 3, 31),
        (Phase.BODY, 3, 35),
    ]
