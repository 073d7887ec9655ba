"""Logging in, against a scripted etcd: once for many, again when it must be, and never with a secret in a text."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine

import httpx
import pytest

from meshclient.discovery.resolver import ResolverUri
from meshclient_etcd.connection import Connection, Request
from meshclient_etcd.errors import EtcdDenied, EtcdError, EtcdUnreachable, Purpose
from meshclient_etcd.options import EtcdOptions

Handler = Callable[[httpx.Request], httpx.Response] | Callable[[httpx.Request], Coroutine[None, None, httpx.Response]]
ASKED = Request("/v3/kv/range", {"key": ""}, Purpose("service 'web'", "READ"))


class Cluster:
    """Hands out token-1, token-2, ... and answers who sends the latest; `refusal` is what it tells others."""

    def __init__(self, refusal: str = "etcdserver: invalid auth token", status: int = 401) -> None:
        self.refusal, self.status = refusal, status
        self.logins = 0
        self.accepts = True
        self.sent: list[str] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("authenticate"):
            await asyncio.sleep(0)
            self.logins += 1
            assert json.loads(request.content) == {"name": "me", "password": "hunter2"}
            return httpx.Response(200, json={"token": f"token-{self.logins}"})
        self.sent.append(request.headers.get("Authorization", ""))
        if self.accepts and self.sent[-1] == f"token-{self.logins}":
            return httpx.Response(200, json={"count": "1"})
        return httpx.Response(self.status, json={"code": 16, "message": f"{self.refusal} hunter2 {self.sent[-1]}"})


def connection(handler: Handler, timeout: str = "10s") -> Connection:
    uri = ResolverUri.parse(f"etcd://h1/svc?user=me&password=hunter2&timeout={timeout}")
    return Connection(EtcdOptions.parse(uri, {}), httpx.MockTransport(handler))


def ask(subject: Connection, times: int = 1) -> None:
    """Put the question `times` times at once."""

    async def check() -> None:
        async with subject.open() as client, asyncio.TaskGroup() as group:
            for _ in range(times):
                group.create_task(subject.ask(client, subject._options.servers[0], ASKED))

    try:
        asyncio.run(check())
    except* EtcdError as errors:
        raise errors.exceptions[0] from None


def test_many_questions_log_in_once() -> None:
    cluster = Cluster()
    subject = connection(cluster)
    ask(subject, 20)
    ask(subject, 20)  # on another loop
    assert cluster.logins == 1
    assert set(cluster.sent) == {"token-1"}


@pytest.mark.parametrize("refusal", ["invalid auth token", "revision of auth store is old", "user name is empty"])
def test_a_refused_token_is_replaced_once(refusal: str) -> None:
    cluster = Cluster(f"etcdserver: {refusal}")
    subject = connection(cluster)
    ask(subject)
    cluster.logins = 5  # the token of the first login is no longer the latest
    ask(subject, 3)
    assert cluster.sent[-1] == f"token-{cluster.logins}"
    cluster.accepts = False
    with pytest.raises(EtcdError) as caught:
        ask(subject)
    assert "hunter2" not in str(caught.value)
    assert "token-" not in str(caught.value).replace("auth token", "")


def test_a_denial_does_not_log_in_again() -> None:
    cluster = Cluster("etcdserver: permission denied", 403)
    cluster.accepts = False
    with pytest.raises(EtcdDenied, match=r"user 'me'.*READ") as caught:
        ask(connection(cluster))
    assert cluster.logins == 1
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (httpx.Response(200, text="hunter2"), "no token"),
        (httpx.Response(200, json={"token": ""}), "no token"),
        (httpx.Response(200, json={"token": "a\r\nb"}), "cannot be sent"),
        (httpx.Response(500, text="hunter2 broke it"), "500.*authenticate"),
    ],
    ids=["no JSON", "empty", "not sendable", "500"],
)
def test_a_login_that_is_none(reply: httpx.Response, problem: str) -> None:
    with pytest.raises(EtcdError, match=problem) as caught:
        ask(connection(lambda _: httpx.Response(reply.status_code, content=reply.content)))
    assert "hunter2" not in str(caught.value)


def test_a_login_that_hangs_holds_nobody_up_for_long() -> None:
    async def hang(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        return httpx.Response(500, request=request)

    async def check() -> list[BaseException | object]:
        subject = connection(hang, "200ms")
        async with subject.open() as client, asyncio.timeout(5):
            asks = [subject.ask(client, subject._options.servers[0], ASKED) for _ in range(50)]
            return await asyncio.gather(*asks, return_exceptions=True)

    assert {type(outcome) for outcome in asyncio.run(check())} == {EtcdUnreachable}


def test_a_token_that_gets_no_answer_is_not_sent_again() -> None:
    """As etcd does after a loss of its data: it holds back what bears a token of its future."""
    cluster = Cluster()
    lost = asyncio.Event()

    async def handler(request: httpx.Request) -> httpx.Response:
        if lost.is_set() and request.headers.get("Authorization") == "token-1":
            await asyncio.Event().wait()
        return await cluster(request)

    subject = connection(handler, timeout="200ms")
    ask(subject)
    lost.set()
    with pytest.raises(EtcdUnreachable):
        ask(subject)
    ask(subject)
    assert cluster.logins == 2
