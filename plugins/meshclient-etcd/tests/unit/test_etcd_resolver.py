"""The walk of a watch, question by question, against a scripted etcd."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING

import httpx
import pytest

from meshclient.model.service import ServiceName
from meshclient_etcd import pace
from meshclient_etcd.errors import EtcdDenied, EtcdError, OutOfDate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import Kit

    from meshclient.model.snapshot import Empty, Ready

NAME = ServiceName("web")
HELD = ("held",)  # a watch that stays open, silent


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def pair(instance: str, port: int = 80) -> dict[str, object]:
    return {"key": b64(f"svc/web/{instance}"), "value": b64(json.dumps({"host": "10.0.0.1", "port": port}))}


def listed(revision: int, *instances: str) -> dict[str, object]:
    return {"header": {"revision": str(revision)}, "kvs": [pair(instance) for instance in instances]}


def line(**result: object) -> str:
    return json.dumps({"result": {"header": {"revision": "10"}, **result}}) + "\n"


CREATED = line(created=True)
COMPACTED = "etcdserver: mvcc: required revision has been compacted"


class Held(httpx.AsyncByteStream):
    """Lines, and then nothing more, with the connection open."""

    def __init__(self, *lines: str) -> None:
        self._lines = lines

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for each in self._lines:
            yield each.encode()
        await asyncio.Event().wait()


class Script:
    """Answers ranges and watches with the replies in turn, the last of each again and again; keeps the questions."""

    def __init__(self, ranges: list[object], watches: list[object]) -> None:
        self.replies = {"/v3/kv/range": list(ranges), "/v3/watch": list(watches)}
        self.questions: list[httpx.Request] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.questions.append(request)
        replies = self.replies[request.url.path]
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        if isinstance(reply, Exception):
            raise reply
        if isinstance(reply, httpx.Response):
            return httpx.Response(reply.status_code, content=reply.content)
        if isinstance(reply, tuple):
            return httpx.Response(200, stream=Held(*(CREATED if each == "held" else each for each in reply)))
        return httpx.Response(200, content=reply if isinstance(reply, str) else json.dumps(reply))

    @property
    def asked(self) -> list[tuple[str, str]]:
        return [(question.url.host, question.url.path.rpartition("/")[2]) for question in self.questions]

    def starts(self) -> list[str]:
        bodies = [json.loads(q.content) for q in self.questions if q.url.path == "/v3/watch"]
        return [body["create_request"]["start_revision"] for body in bodies]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace.Pace, "delay", lambda *_: 0.0)


def walk(kit: Kit, script: Script, count: int, uri: str = "etcd://h1/svc?wait=50ms") -> list[Ready | Empty]:
    """The first `count` answers of a watch."""
    resolver = kit.resolver(uri, transport=httpx.MockTransport(script))

    async def check() -> list[Ready | Empty]:
        answers: list[Ready | Empty] = []
        async with asyncio.timeout(10):
            async for answer in resolver.watch(NAME):
                answers.append(answer)
                if len(answers) == count:
                    break
        return answers

    return asyncio.run(check())


def ids(answer: Ready | Empty) -> list[str]:
    return [endpoint.id for endpoint in answer.endpoints]


def test_the_watch_begins_behind_the_list(kit: Kit) -> None:
    script = Script([listed(7, "a")], [HELD])
    walk(kit, script, 1)
    assert script.starts() == ["8"]
    created = json.loads(script.questions[1].content)["create_request"]
    assert created["progress_notify"] is True
    assert base64.b64decode(created["key"]) == b"svc/web/"
    assert base64.b64decode(created["range_end"]) == b"svc/web0"
    assert all(question.headers["Grpc-Metadata-Hasleader"] == "true" for question in script.questions)


def test_events_are_folded_and_a_progress_notification_confirms(kit: Kit) -> None:
    events = [line(events=[{"kv": pair("b")}]), line(events=[{"type": "DELETE", "kv": {"key": b64("svc/web/a")}}])]
    script = Script([listed(7, "a")], [(CREATED, *events, line())])
    answers = walk(kit, script, 4)
    assert [ids(answer) for answer in answers] == [["a"], ["a", "b"], ["b"], ["b"]]
    assert script.asked == [("h1", "range"), ("h1", "watch")]


def test_a_silent_watch_reads_the_list_again(kit: Kit) -> None:
    script = Script([listed(7, "a"), listed(9, "b")], [HELD])
    assert [ids(answer) for answer in walk(kit, script, 2)] == [["a"], ["b"]]
    assert script.starts() == ["8", "10"]


@pytest.mark.parametrize(
    "watch",
    [
        CREATED + line(canceled=True, compact_revision="9"),
        line(created=True, canceled=True, compact_revision="9"),
        json.dumps({"result": {"header": {"revision": "3"}, "created": True}}) + "\n",
        json.dumps({"error": {"grpc_code": 11, "message": COMPACTED}}) + "\n",
        httpx.Response(400, json={"error": COMPACTED, "message": COMPACTED, "code": 11}),
        httpx.Response(400, json={"message": COMPACTED, "code": 11}),
    ],
    ids=["compacted later", "compacted at once", "gone back", "an error in the stream", "status of 3.4", "of 3.5"],
)
def test_a_watch_that_cannot_go_on_reads_the_list_again_on_the_same_member(kit: Kit, watch: object) -> None:
    script = Script([listed(7, "a"), listed(9, "b")], [watch, HELD])
    told = isinstance(watch, str) and watch.startswith(CREATED)
    assert ids(walk(kit, script, 1 + told, "etcd://h1,h2/svc")[-1]) == ["b"]
    assert script.asked == [("h1", "range"), ("h1", "watch")] * 2


def test_one_that_can_never_go_on_is_a_failure(kit: Kit) -> None:
    script = Script([listed(7, "a")], [line(canceled=True, compact_revision="9")])
    with pytest.raises(OutOfDate, match=r"h1:2379 for service 'web'.*revision 7 has been compacted away.*oldest is 9"):
        walk(kit, script, 1)
    assert len(script.starts()) == pace.BURST


def test_a_list_is_not_told_before_its_watch_stands(kit: Kit) -> None:
    script = Script([listed(7, "a")], [httpx.Response(500, text="oops")])
    with pytest.raises(EtcdError, match="oops"):
        walk(kit, script, 1)


def test_a_watch_that_never_begins_is_given_up(kit: Kit) -> None:
    script = Script([listed(7, "a")], [()])
    with pytest.raises(EtcdError, match=r"did not begin its watch for service 'web' within 50ms; does a proxy"):
        walk(kit, script, 1, "etcd://h1/svc?timeout=50ms")


def test_a_watch_that_breaks_is_begun_again_with_a_list_elsewhere(kit: Kit) -> None:
    script = Script([listed(7, "a"), listed(8, "b")], [CREATED, HELD])
    assert [ids(answer) for answer in walk(kit, script, 2, "etcd://h1,h2/svc")] == [["a"], ["b"]]
    assert [host for host, _ in script.asked] == ["h1", "h1", "h2", "h2"]


def test_all_members_are_asked_once_before_giving_up(kit: Kit) -> None:
    unavailable = httpx.Response(503, json={"message": "etcdserver: no leader"})
    script = Script([httpx.ConnectError("refused"), unavailable, "{"], [HELD])
    with pytest.raises(EtcdError) as caught:
        walk(kit, script, 1, "etcd://h1,h2,h3/svc")
    assert [host for host, _ in script.asked] == ["h1", "h2", "h3"]
    for words in ("3 etcd members", "h1:2379 cannot be reached", "refused", "h2:2379", "no leader", "h3:2379", "JSON"):
        assert words in str(caught.value)


def test_the_end_of_a_silence_is_spread(kit: Kit) -> None:
    resolver = kit.resolver("etcd://h1/svc?wait=100s")
    silences = [resolver._silence() for _ in range(200)]
    assert min(silences) >= 90
    assert max(silences) <= 110
    assert max(silences) - min(silences) > 5


@pytest.mark.parametrize(
    "watch", [line(created=True, canceled=True, cancel_reason="etcdserver: permission denied")], ids=["denied"]
)
def test_a_denied_watch_is_not_taken_to_other_members(kit: Kit, watch: str) -> None:
    script = Script([listed(7, "a")], [watch])
    with pytest.raises(EtcdDenied, match="READ on keys that begin with 'svc/web/'"):
        walk(kit, script, 1, "etcd://h1,h2/svc")
    assert {host for host, _ in script.asked} == {"h1"}


def test_blank_lines_are_passed_over(kit: Kit) -> None:
    script = Script([listed(7, "a")], [("\n\n", CREATED, "\r\n", line(events=[{"kv": pair("b")}]))])
    assert ids(walk(kit, script, 2)[1]) == ["a", "b"]


def test_an_unknown_event_is_an_error_and_not_a_guess(kit: Kit) -> None:
    script = Script([listed(7, "a")], [line(created=True, events=[{"type": "MOVE", "kv": pair("b")}])])
    with pytest.raises(EtcdError, match="unknown type 'MOVE'"):
        walk(kit, script, 1)
