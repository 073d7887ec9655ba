"""The walk of a watch, question by question, against a scripted Consul."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import httpx
import pytest

from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Empty
from meshclient_consul import blocking
from meshclient_consul.errors import ConsulDenied, ConsulError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Kit

NAME = ServiceName("web")
LISTED = json.dumps([{"Service": {"ID": "a", "Address": "10.0.0.1", "Port": 80}}])


class Script:
    """Answers with the replies in turn, the last one again and again; keeps the questions."""

    def __init__(self, *replies: httpx.Response | Exception) -> None:
        self.replies = list(replies)
        self.questions: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.questions.append(request)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, Exception):
            raise reply
        return httpx.Response(reply.status_code, headers=reply.headers, content=reply.content)

    @property
    def indexes(self) -> list[str | None]:
        return [question.url.params.get("index") for question in self.questions]

    @property
    def hosts(self) -> list[str]:
        return [question.url.host for question in self.questions]


def reply(index: object = 10, body: str = LISTED, **headers: str) -> httpx.Response:
    return httpx.Response(200, headers={"X-Consul-Index": str(index), **headers}, text=body)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocking, "INTERVAL", 0.0)
    monkeypatch.setattr(blocking, "POLL_INTERVAL", 0.0)


def walk(
    kit: Kit, script: Callable[[httpx.Request], httpx.Response], count: int, uri: str = "consul://h1"
) -> list[object]:
    """The first `count` answers of a watch."""
    resolver = kit.resolver(uri, transport=httpx.MockTransport(script))

    async def check() -> list[object]:
        answers: list[object] = []
        async for answer in resolver.watch(NAME):
            answers.append(answer)
            if len(answers) == count:
                break
        return answers

    return asyncio.run(check())


def test_it_asks_at_once_and_then_blocks(kit: Kit) -> None:
    script = Script(reply(10), reply(10), reply(12))
    walk(kit, script, 3, "consul://h1?dc=d&tag=x,y&wait=90s")
    first, second, third = (question.url.params for question in script.questions)
    assert script.questions[0].url.path == "/v1/health/service/web"
    assert first.multi_items() == [("dc", "d"), ("tag", "x"), ("tag", "y")]
    assert (second["index"], second["wait"], second.get_list("tag")) == ("10", "90000ms", ["x", "y"])
    assert third["index"] == "10"


def test_an_index_going_back_starts_over(kit: Kit) -> None:
    script = Script(reply(10), reply(4), reply(4), reply(5))
    walk(kit, script, 5)
    assert script.indexes == [None, "10", None, "4", "5"]


@pytest.mark.parametrize("index", ["0", "", "x", "-3"])
def test_a_useless_index_is_not_blocked_on(kit: Kit, index: str) -> None:
    script = Script(reply(10), reply(index), reply(7))
    walk(kit, script, 4)
    assert script.indexes == [None, "10", None, "7"]


def test_a_failing_server_is_left_and_the_next_one_asked_from_the_start(kit: Kit) -> None:
    script = Script(reply(10), httpx.ReadError("gone"), reply(3), reply(4))
    walk(kit, script, 3, "consul://h1,h2,h3")
    assert script.hosts == ["h1", "h1", "h2", "h2"]
    assert script.indexes == [None, "10", None, "3"]


def test_what_worked_is_asked_first_by_the_next_watch(kit: Kit) -> None:
    script = Script(httpx.ConnectError("refused"), reply(3))
    resolver = kit.resolver("consul://h1,h2,h3", transport=httpx.MockTransport(script))

    async def first() -> None:
        async for _ in resolver.watch(NAME):
            break

    asyncio.run(first())
    asyncio.run(first())
    assert script.hosts == ["h1", "h2", "h2"]


def test_all_servers_are_asked_once_before_giving_up(kit: Kit) -> None:
    script = Script(httpx.ConnectError("refused"), httpx.Response(500, text="No cluster leader"), reply(1, "{"))
    with pytest.raises(ConsulError) as caught:
        walk(kit, script, 1, "consul://h1,h2,h3")
    assert script.hosts == ["h1", "h2", "h3"]
    for words in (
        "3 Consul servers",
        "h1:8500 cannot be reached",
        "refused",
        "h2:8500",
        "no leader",
        "h3:8500",
        "JSON",
    ):
        assert words in str(caught.value)


def test_a_denial_is_not_taken_to_other_servers(kit: Kit) -> None:
    script = Script(httpx.Response(403, text="ACL not found"))
    with pytest.raises(ConsulDenied, match=r"no token.*service:read on 'web'"):
        walk(kit, script, 1, "consul://h1,h2")
    assert script.hosts == ["h1"]


def test_results_hidden_by_acls_are_a_denial(kit: Kit) -> None:
    script = Script(reply(10, "[]", **{"X-Consul-Results-Filtered-By-ACLs": "true"}))
    with pytest.raises(ConsulDenied, match="hidden by ACLs"):
        walk(kit, script, 1)


def test_the_token_is_sent_and_never_shown(kit: Kit) -> None:
    for failure in (
        httpx.Response(403, text="token hunter2 is bad"),
        httpx.Response(500, text="hunter2"),
        httpx.ConnectError("x"),
    ):
        script = Script(failure)
        with pytest.raises(ConsulError) as caught:
            walk(kit, script, 1, "consul://h1?token=hunter2")
        assert script.questions[0].headers["X-Consul-Token"] == "hunter2"
        assert "hunter2" not in str(script.questions[0].url)
        assert "hunter2" not in str(caught.value)


def test_a_denied_question_is_put_again_with_a_token_that_has_changed_meanwhile(kit: Kit, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("one")
    sent: list[str] = []

    def rotating(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers["X-Consul-Token"])
        file.write_text("two")
        return reply() if sent[-1] == "two" else httpx.Response(403)

    walk(kit, rotating, 1, f"consul://h1?token_file={file}")
    assert sent == ["one", "two"]


def test_an_empty_narrowed_answer_is_looked_at_without_narrowing(kit: Kit) -> None:
    script = Script(reply(10, "[]"), reply(10))
    (answer,) = walk(kit, script, 1, "consul://h1?tag=x&dc=d")
    assert isinstance(answer, Empty)
    assert answer.exists
    assert script.questions[1].url.params.multi_items() == [("dc", "d")]


def test_the_pace_is_kept(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    """An index that moves with every question: the burst is free, then each question has its distance."""
    monkeypatch.setattr(blocking, "INTERVAL", 0.05)
    times: list[float] = []

    def hot(request: httpx.Request) -> httpx.Response:
        times.append(asyncio.get_running_loop().time())
        return reply(len(times))

    walk(kit, hot, blocking.BURST + 4)
    assert times[-1] - times[0] >= 4 * 0.05 - 0.005
