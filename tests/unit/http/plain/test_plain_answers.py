"""What a plain call is answered with: httpx's own response, of which the rest is made when somebody looks."""

from __future__ import annotations

import gzip
import logging
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.cookiejar import CookieJar, DefaultCookiePolicy
from threading import Barrier
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from meshclient.http import filled, innards
from meshclient.http.plain.request import PlainRequests
from meshclient.http.plain.response import respond
from unit.http.plain.roads import PROBES, Answer, outcome, road, short

if TYPE_CHECKING:
    from meshclient.http.plain.call import PlainCall

URL = "http://orders/v1"


def asked(client: Any, url: str = URL, **arguments: Any) -> PlainCall:
    call = PlainRequests(client).prepare("GET", url, **arguments)
    assert call is not None
    return call


def answered(answer: Answer, client: Any = None, extensions: Any = None, most: int = 0) -> httpx.Response:
    client = client or road().client
    return respond(
        asked(client), answer.status, answer.reason, answer.version, list(answer.headers), answer.body, 0.25,
        extensions, client, most,
    )  # fmt: skip


@pytest.mark.parametrize("blocking", [True, False])
@pytest.mark.parametrize("probe", PROBES)
def test_the_first_look_at_anything_finds_what_httpx_has(probe: str, blocking: bool) -> None:
    answer = Answer(404, [(b"Content-Type", b"text/plain"), (b"Link", b'<a>; rel="b"')], b"[1]\n2", b"Gone")
    judge, ours = road(blocking=blocking), road(blocking=blocking)
    judge.answers, ours.answers = [answer], [answer]
    wanted = judge.ask("GET", URL)
    response = short(ours, PlainRequests(ours.client), "GET", URL)
    assert isinstance(response, filled.FilledResponse)
    assert outcome(lambda: PROBES[probe](response)) == outcome(lambda: PROBES[probe](wanted))


def test_extensions_are_asked_for_once_and_only_when_somebody_looks() -> None:
    calls: list[int] = []

    def more() -> dict[str, object]:
        calls.append(1)
        return {"mesh": "report"}

    response = answered(Answer(reason=b"Fine", version="1.0"), extensions=more)
    assert response.content == b""
    assert not calls
    assert response.extensions == {"http_version": b"HTTP/1.0", "reason_phrase": b"Fine", "mesh": "report"}
    assert response.extensions is response.extensions
    assert calls == [1]


def test_what_happens_at_once_is_what_costs_nothing() -> None:
    response = answered(Answer(200, [(b"a", b"b")], b"{}"))
    assert (response.status_code, response.content, response.is_closed, response.num_bytes_downloaded) == (
        200,
        b"{}",
        True,
        2,
    )
    assert response.raise_for_status() is response
    assert response.json() == {}
    assert vars(response).keys().isdisjoint({"headers", "_request", "extensions", "history", "stream", "_elapsed"})


def test_the_time_that_a_call_took_is_told() -> None:
    assert answered(Answer()).elapsed == timedelta(seconds=0.25)


def test_white_space_around_a_value_is_no_part_of_it() -> None:
    assert answered(Answer(headers=[(b"a", b"b \t")])).headers.raw == [(b"a", b"b")]


def test_a_request_that_was_taken_away_is_missed() -> None:
    response = answered(Answer())
    response._request = None
    with pytest.raises(RuntimeError, match="has not been set"):
        response.raise_for_status()


def test_several_threads_that_look_first_see_the_same() -> None:
    for _ in range(50):
        response = answered(Answer(200, [(b"a", b"b")]))
        barrier = Barrier(4)

        def look(response: httpx.Response = response, barrier: Barrier = barrier) -> tuple[int, ...]:
            barrier.wait(10)
            return id(response.request), id(response.headers), id(response.extensions), id(response.history)

        with ThreadPoolExecutor(4) as pool:
            seen = {job.result() for job in [pool.submit(look) for _ in range(4)]}
        assert len(seen) == 1


UNPICKLE = """
import pickle, sys
response = pickle.loads(sys.stdin.buffer.read())
print(type(response).__name__, response.status_code, response.json(), response.url, response.elapsed)
print([name for name in sys.modules if name.startswith("meshclient")])
"""


def test_a_pickled_response_needs_nothing_of_ours_to_be_read() -> None:
    data = pickle.dumps(answered(Answer(201, [(b"a", b"b")], b"[1]")))
    command = [sys.executable, "-c", UNPICKLE]
    done = subprocess.run(command, input=data, capture_output=True, timeout=60, check=True)
    assert done.stdout.decode().split("\n")[:2] == ["Response 201 [1] http://orders/v1 0:00:00.250000", "[]"]


def test_cookies_go_to_the_client_and_the_next_call_is_not_plain() -> None:
    made = road()
    plain = PlainRequests(made.client)
    made.answers = [Answer(200, [(b"Set-Cookie", b"a=b; Path=/")]), Answer()]
    first = short(made, plain, "GET", URL)
    assert (dict(first.cookies), dict(made.client.cookies)) == ({"a": "b"}, {"a": "b"})
    assert plain.prepare("GET", URL) is None
    assert short(made, plain, "GET", URL).request.headers["cookie"] == "a=b"


def test_cookies_of_the_newer_kind_go_to_a_client_that_takes_them() -> None:
    jar = CookieJar(DefaultCookiePolicy(rfc2965=True))
    client = road(cookies=jar).client
    answered(Answer(200, [(b"Set-Cookie2", b'a="b"; Version=1')]), client)
    assert [cookie.name for cookie in jar] == ["a"]


def test_a_coded_body_is_decoded_and_counted_as_it_came() -> None:
    coded = gzip.compress(b"abc" * 100)
    response = answered(Answer(200, [(b"Content-Encoding", b"gzip")], coded))
    assert (response.content, response.num_bytes_downloaded) == (b"abc" * 100, len(coded))


@pytest.mark.parametrize("coding", [b"gzip", b"deflate", b"br", b"zstd", b"gzip, zstd", b"zstd, gzip", b"none"])
@pytest.mark.parametrize("body", [b"", b"nonsense"])
def test_a_coded_body_that_is_none_is_what_httpx_makes_of_it(coding: bytes, body: bytes) -> None:
    answer = Answer(200, [(b"Content-Encoding", coding)], body)
    judge = road()
    judge.answers = [answer]
    assert outcome(lambda: answered(answer).content) == outcome(lambda: judge.ask("GET", URL).content)


@pytest.mark.parametrize("status", [199, 200, 299, 300, 304, 399, 400, 500, 600])
def test_a_status_that_is_no_success_is_raised(status: int) -> None:
    judge = road()
    judge.answers = [Answer(status)]
    wanted = judge.ask("GET", URL)
    assert outcome(lambda: repr(answered(Answer(status)).raise_for_status())) == outcome(
        lambda: repr(wanted.raise_for_status())
    )


def test_a_coded_body_may_not_grow_beyond_what_is_allowed() -> None:
    answer = Answer(200, [(b"Content-Encoding", b"gzip")], gzip.compress(bytes(100_000)))
    assert len(answered(answer, most=100_000).content) == 100_000
    with pytest.raises(httpx.DecodingError, match="larger than 99999 bytes") as raised:
        answered(answer, most=99_999)
    assert raised.value.request.url == URL


def test_a_damaged_body_is_an_error_of_its_request() -> None:
    with pytest.raises(httpx.DecodingError) as raised:
        answered(Answer(200, [(b"content-encoding", b"gzip")], b"nonsense"))
    assert raised.value.request.url == URL


def test_every_call_is_logged_as_httpx_logs_it(caplog: pytest.LogCaptureFixture) -> None:
    judge, ours = road(), road()
    judge.answers, ours.answers = [Answer(reason=b"Fine")], [Answer(reason=b"Fine")]
    plain = PlainRequests(ours.client)
    with caplog.at_level(logging.INFO, "httpx"):
        judge.ask("GET", URL)
        short(ours, plain, "GET", URL)
    assert [record.getMessage() for record in caplog.records] == [
        'HTTP Request: GET http://orders/v1 "HTTP/1.1 200 Fine"'
    ] * 2


@pytest.mark.parametrize("blocking", [True, False])
def test_redirects_are_followed_as_far_as_httpx_would(blocking: bool) -> None:
    def sent(*, take_short: bool) -> list[Any]:
        made = road(blocking=blocking, max_redirects=3)
        plain = PlainRequests(made.client)
        arguments: dict[str, Any] = {"json": [1], "headers": {"Authorization": "x"}, "follow_redirects": True}

        def ask() -> Any:
            return short(made, plain, "POST", URL, **arguments) if take_short else made.ask("POST", URL, **arguments)

        hops = [(302, b"/a"), (307, b"http://else/b"), (303, b"c")]
        made.answers = [Answer(status, [(b"Location", location)]) for status, location in hops] + [
            Answer(200, (), b"end")
        ]
        response = ask()
        made.client.max_redirects = 1
        made.answers = [Answer(301, [(b"Location", b"/a")])] * 3
        with pytest.raises(httpx.TooManyRedirects) as raised:
            ask()
        history = [(str(each.url), each.next_request, len(each.history)) for each in response.history]
        return [
            made.sent,
            history,
            response.text,
            response.next_request,
            str(raised.value),
            str(raised.value.request.url),
        ]

    assert sent(take_short=True) == sent(take_short=False)


@pytest.mark.parametrize("blocking", [True, False])
def test_where_nothing_redirects_there_is_nothing_to_follow(blocking: bool) -> None:
    made = road(blocking=blocking)
    response = answered(Answer(), made.client)
    follow: Any = innards.follow if blocking else innards.async_follow
    assert made.run(follow(made.client, response)) is response


@pytest.mark.parametrize("blocking", [True, False])
def test_what_cannot_be_read_at_the_end_of_redirects_is_closed(blocking: bool) -> None:
    made = road(blocking=blocking)
    closed: list[bool] = []
    made.client.event_hooks = {"response": [_watch(closed) if blocking else _async_watch(closed)]}
    first = answered(Answer(302, [(b"Location", b"/next")]), road(blocking=blocking).client)
    made.answers = [Answer(200, [(b"Content-Encoding", b"gzip")], b"nonsense")]
    follow: Any = innards.follow if blocking else innards.async_follow
    with pytest.raises(httpx.DecodingError):
        made.run(follow(made.client, first))
    assert closed == [True]


def _watch(closed: list[bool]) -> Any:
    def watch(response: httpx.Response) -> None:
        stream: Any = response.stream

        def close() -> None:
            closed.append(True)

        stream.close = stream.aclose = close

    return watch


def _async_watch(closed: list[bool]) -> Any:
    async def watch(response: httpx.Response) -> None:
        stream: Any = response.stream

        async def aclose() -> None:
            closed.append(True)

        stream.aclose = aclose

    return watch


@pytest.mark.parametrize("blocking", [True, False])
def test_a_stream_that_has_been_read_cannot_be_read_again(blocking: bool) -> None:
    stream: Any = answered(Answer(body=b"a"), road(blocking=blocking).client).stream
    with pytest.raises(httpx.StreamConsumed):
        stream.__iter__() if blocking else stream.__aiter__()


def test_where_a_redirect_leads_is_said_where_it_is_not_followed() -> None:
    response = answered(Answer(302, [(b"Location", b"/next")]))
    assert response.next_request is not None
    assert response.next_request.url == "http://orders/next"
    assert response.history == []


def test_a_redirect_to_nowhere_is_an_error() -> None:
    with pytest.raises(httpx.RemoteProtocolError, match="Invalid URL in location header"):
        answered(Answer(302, [(b"Location", b"http://300.1.1.1/")]))
