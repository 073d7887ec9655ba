"""One question at a time, against answers that no server gives twice."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import pytest

from meshclient.discovery.resolver import ResolverUri
from meshclient_kubernetes import connection
from meshclient_kubernetes.connection import Connection, Request
from meshclient_kubernetes.errors import (
    KubernetesDenied,
    KubernetesError,
    KubernetesExpired,
    KubernetesNotFound,
    KubernetesThrottled,
    KubernetesUnreachable,
    Purpose,
)
from meshclient_kubernetes.options import KubernetesOptions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

REQUEST = Request("/apis/x", Purpose("service 'web'", "list endpointslices"), (("limit", "1"),))


class Chunks(httpx.AsyncByteStream):
    """A body in pieces."""

    def __init__(self, chunks: Sequence[bytes]) -> None:
        self.chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            yield chunk


def opened(handler: Callable[[httpx.Request], httpx.Response], token_file: str = "") -> Connection:
    uri = ResolverUri.parse(f"kubernetes://shop?server=https://k{f'&token_file={token_file}' if token_file else ''}")
    return Connection(KubernetesOptions.parse(uri, {}), httpx.MockTransport(handler))


def get(handler: Callable[[httpx.Request], httpx.Response], token_file: str = "") -> bytes:
    async def check() -> bytes:
        asked = opened(handler, token_file)
        async with asked.open() as client:
            return await asked.get(client, REQUEST)

    return asyncio.run(check())


def lines(*chunks: bytes) -> list[list[bytes]]:
    async def check() -> list[list[bytes]]:
        asked = opened(lambda _: httpx.Response(200, stream=Chunks(chunks)))
        batches: list[list[bytes]] = []
        async with asked.open() as client, asked.stream(client, REQUEST, 5) as answer:
            while (batch := await answer.next()) is not None:
                batches.append(batch)
        return batches

    return asyncio.run(check())


def test_lines_are_put_together_and_those_that_come_together_stay_so() -> None:
    assert lines(b'{"a"', b": 1}", b"\n", b"{}\n{}\n{", b"}\n") == [[b'{"a": 1}'], [b"{}", b"{}"], [b"{}"]]


def test_empty_lines_are_nothing() -> None:
    assert lines(b"\n\r\n", b"{}\n\n") == [[b"{}"]]
    assert lines() == []


def test_an_answer_that_ends_within_an_event_is_broken() -> None:
    with pytest.raises(KubernetesUnreachable, match="ends within an event"):
        lines(b'{}\n{"type":')


def test_a_line_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_MAX_LINE", 10)
    with pytest.raises(KubernetesUnreachable, match="a line without an end"):
        lines(b"{" * 6, b"{" * 6)


def test_a_token_that_dies_between_reading_and_asking_is_read_again(tmp_path: Path) -> None:
    file, sent = tmp_path / "token", list[str]()
    file.write_text("one")

    def rotating(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers["Authorization"])
        file.write_text("two")
        return httpx.Response(200 if sent[-1].endswith("two") else 401, text="{}")

    assert get(rotating, str(file)) == b"{}"
    assert sent == ["Bearer one", "Bearer two"]


def test_a_token_that_is_the_same_is_sent_once(tmp_path: Path) -> None:
    file, sent = tmp_path / "token", list[str]()
    file.write_text("hunter2")

    def refusing(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers["Authorization"])
        return httpx.Response(401, text="I do not know hunter2")

    with pytest.raises(
        KubernetesDenied, match=r"answered 401 .* I do not know \(token\); it does not accept"
    ) as caught:
        get(refusing, str(file))
    assert "hunter2" not in str(caught.value)
    assert len(sent) == 1


@pytest.mark.parametrize(
    ("response", "kind", "words"),
    [
        (httpx.Response(403, json={"code": 403, "message": "no"}), KubernetesDenied, "no token.*list endpointslices"),
        (httpx.Response(404, json={"code": 404, "message": "gone"}), KubernetesNotFound, "gone"),
        (httpx.Response(410, json={"code": 410, "message": "too old"}), KubernetesExpired, "too old"),
        (httpx.Response(429, headers={"Retry-After": "7"}), KubernetesThrottled, "again in 7 s"),
        (httpx.Response(503, headers={"Retry-After": "2"}), KubernetesThrottled, "again in 2 s"),
        (
            httpx.Response(429, json={"code": 429, "details": {"retryAfterSeconds": 3}}),
            KubernetesThrottled,
            "again in 3 s",
        ),
        (httpx.Response(429, headers={"Retry-After": "3600"}), KubernetesThrottled, "again in 60 s"),
        (
            httpx.Response(503, json={"code": 503, "details": {"retryAfterSeconds": -(10**400)}}),
            KubernetesThrottled,
            "again in 0 s",
        ),
        (httpx.Response(429, headers={"Retry-After": "Fri, 31 Dec 1999"}), KubernetesError, "limits its clients"),
        (httpx.Response(500, text="x" * 1000), KubernetesError, "answered 500 for service 'web': x{200}$"),
    ],
)
def test_what_an_answer_stands_for(response: httpx.Response, kind: type[KubernetesError], words: str) -> None:
    with pytest.raises(kind, match=words):
        get(lambda _: response)


@pytest.mark.parametrize("status", [200, 500])
def test_head_and_body_together_have_one_limit(status: int) -> None:
    class Slow(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            await asyncio.sleep(0.15)
            yield b"{}"

    async def handler(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.15)
        return httpx.Response(status, stream=Slow())

    async def check() -> None:
        options = KubernetesOptions.parse(ResolverUri.parse("kubernetes://shop?server=https://k&timeout=200ms"), {})
        asked = Connection(options, httpx.MockTransport(handler))
        async with asked.open() as client:
            await asked.get(client, REQUEST)

    with pytest.raises(KubernetesUnreachable, match=r"did not answer for service 'web' .* within 200ms"):
        asyncio.run(check())


def test_a_watch_that_does_not_begin_has_the_limit_of_any_question() -> None:
    async def handler(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(60)
        return httpx.Response(200)

    async def check() -> None:
        options = KubernetesOptions.parse(ResolverUri.parse("kubernetes://shop?server=https://k&timeout=50ms"), {})
        asked = Connection(options, httpx.MockTransport(handler))
        async with asked.open() as client, asked.stream(client, REQUEST, 120):
            pass

    with pytest.raises(KubernetesUnreachable, match=r"within 50ms$"):
        asyncio.run(check())


def test_a_malformed_answer_that_repeats_the_token_does_not_show_it(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hunter2")
    asked = opened(lambda _: httpx.Response(200), str(tmp_path / "token"))

    async def check() -> str:
        async with asked.open() as client:
            await asked.get(client, REQUEST)
        return str(asked.malformed(REQUEST, "it begins b'Bearer hunter2'"))

    said = asyncio.run(check())
    assert "hunter2" not in said
    assert "it begins b'Bearer (token)'" in said


def test_the_question_goes_out_as_it_is_told() -> None:
    asked: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, text="{}")

    get(handler)
    assert str(asked[0].url) == "https://k/apis/x?limit=1"
    assert "Authorization" not in asked[0].headers


def test_only_the_api_server_itself_can_say_that_something_is_not_there() -> None:
    with pytest.raises(KubernetesError, match="address of a Kubernetes API server") as caught:
        get(lambda _: httpx.Response(404, text="404 page not found"))
    assert not isinstance(caught.value, KubernetesNotFound)
