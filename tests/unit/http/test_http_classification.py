from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient.http.classification import STALE_WITHIN, classify_error, classify_response, parse_retry_after
from meshclient.http.trail import Trail
from meshclient.model.outcome import Kind

NOW = datetime(2024, 5, 1, 12, 0, 0, tzinfo=UTC)


def trail(*, connected: bool = False, wrote: bool = False, since: float = 0.0) -> Trail:
    """What an attempt left, `since` seconds after it was written."""
    times = iter([100.0] * (connected + wrote))
    made = Trail(lambda: next(times, 100.0 + since), None)
    if connected:
        made.trace("connection.connect_tcp.started", {})
    if wrote:
        made.trace("http11.send_request_headers.started", {})
    return made


@pytest.mark.parametrize(
    ("error", "connected", "wrote", "kind"),
    [
        (httpx.ConnectError("refused"), True, False, Kind.CONNECT_ERROR),
        (httpx.ConnectTimeout("slow"), True, False, Kind.CONNECT_TIMEOUT),
        (httpx.PoolTimeout(""), False, False, Kind.POOL_TIMEOUT),
        (httpx.ReadTimeout(""), True, True, Kind.TIMEOUT),
        (httpx.WriteTimeout(""), True, True, Kind.TIMEOUT),
        (httpx.ReadError("reset"), True, True, Kind.DISCONNECTED),
        (httpx.ReadError("reset"), False, True, Kind.STALE_CONNECTION),
        (httpx.WriteError("broken pipe"), False, True, Kind.STALE_CONNECTION),
        (httpx.RemoteProtocolError("Server disconnected without sending a response."), True, True, Kind.DISCONNECTED),
        (
            httpx.RemoteProtocolError("Server disconnected without sending a response."),
            False,
            True,
            Kind.STALE_CONNECTION,
        ),
        (httpx.RemoteProtocolError("illegal status line"), False, True, Kind.PROTOCOL_ERROR),
        (httpx.LocalProtocolError("bad header"), True, False, Kind.LOCAL_ERROR),
        (httpx.LocalProtocolError("illegal header"), True, True, Kind.LOCAL_ERROR),
        (ValueError("the caller's body"), True, True, Kind.CANCELLED),
        (RuntimeError("a bug"), False, False, Kind.LOCAL_ERROR),
    ],
)
def test_errors_by_class_and_trail(error: Exception, connected: bool, wrote: bool, kind: Kind) -> None:
    outcome = classify_error(error, trail(connected=connected, wrote=wrote))
    assert outcome.kind is kind
    assert type(error).__name__ in outcome.detail


def test_a_connection_that_breaks_while_the_server_works_is_not_stale() -> None:
    error = httpx.RemoteProtocolError("Server disconnected without sending a response.")
    assert classify_error(error, trail(wrote=True, since=STALE_WITHIN / 2)).kind is Kind.STALE_CONNECTION
    assert classify_error(error, trail(wrote=True, since=STALE_WITHIN * 2)).kind is Kind.DISCONNECTED


def test_the_wait_for_our_own_pool_is_told_apart() -> None:
    made = Trail(lambda: 107.0, None)
    assert made.waited(100.0) == 7.0
    made.trace("connection.connect_tcp.started", {})
    assert (made.waited(105.0), made.began, made.wrote, made.held_for()) == (2.0, 107.0, None, 0.0)


def test_the_detail_is_one_line() -> None:
    assert classify_error(httpx.ReadError("a\n  b"), trail()).detail == "ReadError: a b"
    assert classify_error(httpx.ReadError(""), trail()).detail == "ReadError"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 3 ", 3.0),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), 0.0),
        ("Wed, 01 May 2024 12:00:10 -0000", 10.0),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("", None),
        ("٣", None),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    assert parse_retry_after(value, NOW) == seconds


@given(
    st.one_of(
        st.text(),
        st.from_regex(
            r"[A-Z][a-z]{2}, \d{1,9} [A-Z][a-z]{2} \d{1,9} \d{1,9}:\d{1,4}:\d{1,4} [+-]\d{1,20}", fullmatch=True
        ),
        st.builds(
            "Wed, 01 {} {} 12:00:00 {}{}".format,
            st.sampled_from(["Jan", "Dec"]),
            st.integers(0, 10**12),
            st.sampled_from("+-"),
            st.integers(0, 10**30),
        ),
    )
)
def test_no_retry_after_is_fatal(value: str) -> None:
    seconds = parse_retry_after(value, NOW)
    assert seconds is None or seconds >= 0


@pytest.mark.parametrize(
    ("status", "kind", "retry_after"),
    [
        (200, Kind.OK, None),
        (404, Kind.OK, None),
        (429, Kind.BUSY, 7.0),
        (501, Kind.OK, 7.0),
        (503, Kind.SERVER_ERROR, 7.0),
    ],
)
def test_response_heads(status: int, kind: Kind, retry_after: float | None) -> None:
    outcome = classify_response(httpx.Response(status, headers={"Retry-After": "7"}))
    assert (outcome.kind, outcome.status, outcome.retry_after) == (kind, status, retry_after)
