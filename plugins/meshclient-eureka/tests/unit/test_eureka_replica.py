"""Which questions are put when, against a scripted Eureka."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from meshclient.discovery.resolver import ResolverUri
from meshclient_eureka.connection import Connection
from meshclient_eureka.errors import EurekaError, EurekaTimeout
from meshclient_eureka.options import EurekaOptions
from meshclient_eureka.replica import DELTA_REACH, Replica

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from meshclient_eureka.registry import Registry


def record(name: str, action: str = "ADDED", status: str = "UP") -> dict[str, Any]:
    return {"instanceId": name, "status": status, "actionType": action}


def answer(hash_code: str | None, *records: dict[str, Any], date: str = "") -> httpx.Response:
    root: dict[str, Any] = {"application": [{"name": "WEB", "instance": list(records)}] if records else []}
    if hash_code is not None:
        root["apps__hashcode"] = hash_code
    headers = {"Date": date} if date else {}
    return httpx.Response(200, headers=headers, text=json.dumps({"applications": root}))


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


class Script:
    """Answers with the replies in turn; keeps the questions."""

    def __init__(self, *replies: httpx.Response | Exception) -> None:
        self.replies = list(replies)
        self.questions: list[str] = []
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.questions.append(f"{request.url.host} {request.url.path}")
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply


def fetches(
    script: Script, count: int, uri: str = "eureka://h1", between: Callable[[Clock], None] = lambda _: None
) -> list[Registry | EurekaError]:
    """What `count` fetches in a row come to; `between` is called before each but the first."""
    options = EurekaOptions.parse(ResolverUri.parse(uri))
    connection, clock = Connection(options, httpx.MockTransport(script)), Clock()
    replica = Replica(connection, options, clock)

    async def run() -> list[Registry | EurekaError]:
        outcomes: list[Registry | EurekaError] = []
        async with connection.open() as client:
            for number in range(count):
                if number:
                    between(clock)
                try:
                    outcomes.append(await replica.fetch(client))
                except EurekaError as exc:
                    outcomes.append(exc)
        return outcomes

    return asyncio.run(run())


def ids(outcome: Registry | EurekaError) -> list[str]:
    assert not isinstance(outcome, EurekaError), outcome
    return [instance.id for instance in outcome.by_app("web")]


def test_the_whole_first_and_then_deltas() -> None:
    script = Script(
        answer("UP_1_", record("a")),
        answer("UP_2_", record("b")),
        answer("UP_1_", record("a", "DELETED"), record("b")),
        answer("DOWN_1_", record("b", "MODIFIED", "DOWN")),
    )
    first, second, third, fourth = fetches(script, 4)
    assert [ids(each) for each in (first, second, third, fourth)] == [["a"], ["a", "b"], ["b"], ["b"]]
    assert script.questions == ["h1 /eureka/apps"] + ["h1 /eureka/apps/delta"] * 3
    assert {request.headers["Accept"] for request in script.requests} == {"application/json"}
    assert not isinstance(fourth, EurekaError)
    assert fourth.by_app("web")[0].status == "DOWN"


@pytest.mark.parametrize(
    "delta",
    [
        answer("UP_3_", record("b")),
        answer(None, record("b")),
        answer("UP_2_", record("b", "RENAMED")),
        answer("UP_1_", record("a", "MODIFIED") | {"metadata": {}}, {"status": "UP"}),
        httpx.Response(200, text="<html>"),
        httpx.Response(500, text="oops"),
    ],
    ids=["hash code", "no hash code", "unknown action", "malformed record", "garbage", "error"],
)
def test_a_delta_that_does_not_fit_leads_to_the_whole(delta: httpx.Response) -> None:
    script = Script(answer("UP_1_", record("a")), delta, answer("UP_2_", record("a"), record("c")), answer("UP_2_"))
    outcomes = fetches(script, 3)
    assert [ids(outcome) for outcome in outcomes] == [["a"], ["a", "c"], ["a", "c"]]
    assert [q.rpartition("/")[2] for q in script.questions] == ["apps", "delta", "apps", "delta"]


@pytest.mark.parametrize("status", [403, 404])
def test_a_server_without_deltas_is_not_asked_for_them_again(status: int) -> None:
    whole = [answer("UP_1_", record("a")) for _ in range(3)]
    script = Script(whole[0], httpx.Response(status), whole[1], whole[2])
    fetches(script, 3)
    assert [q.rpartition("/")[2] for q in script.questions] == ["apps", "delta", "apps", "apps"]


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_limits_is_not_asked_a_bigger_question_at_once(status: int) -> None:
    script = Script(answer("UP_1_", record("a")), httpx.Response(status), answer("UP_1_", record("a")))
    _, failure, last = fetches(script, 3)
    assert isinstance(failure, EurekaError)
    assert "limits its clients" in str(failure)
    assert ids(last) == ["a"]
    assert [q.rpartition("/")[2] for q in script.questions] == ["apps", "delta", "apps"]


def test_after_a_long_pause_a_delta_may_lack_changes() -> None:
    def sleep(clock: Clock) -> None:
        clock.now += DELTA_REACH

    script = Script(answer("UP_1_", record("a")), answer("UP_1_", record("b")))
    assert [ids(outcome) for outcome in fetches(script, 2, between=sleep)] == [["a"], ["b"]]
    assert script.questions == ["h1 /eureka/apps"] * 2


def test_another_peer_is_asked_for_the_whole_and_kept() -> None:
    script = Script(
        answer("UP_1_", record("a")), httpx.ConnectError("refused"), answer("UP_1_", record("b")), answer("UP_1_")
    )
    assert [ids(outcome) for outcome in fetches(script, 3, "eureka://h1,h2,h3")] == [["a"], ["b"], ["b"]]
    assert script.questions == ["h1 /eureka/apps", "h1 /eureka/apps/delta", "h2 /eureka/apps", "h2 /eureka/apps/delta"]


def test_all_peers_are_asked_once_before_giving_up() -> None:
    script = Script(httpx.ConnectError("refused"), httpx.Response(500), httpx.ReadTimeout("late"))
    (failure,) = fetches(script, 1, "eureka://h1,h2,h3")
    assert isinstance(failure, EurekaTimeout)
    for words in ("3 Eureka servers", "h1:8761 cannot be reached", "h2:8761 answered 500", "h3:8761 did not answer"):
        assert words in str(failure)


def test_after_a_failure_the_whole_is_fetched() -> None:
    script = Script(answer("UP_1_", record("a")), httpx.ReadError("gone"), answer("UP_1_", record("b")))
    first, failure, last = fetches(script, 3)
    assert isinstance(failure, EurekaError)
    assert (ids(first), ids(last)) == (["a"], ["b"])
    assert script.questions[-1] == "h1 /eureka/apps"


def test_an_answer_that_does_not_count_its_own_is_believed_and_named_once(caplog: pytest.LogCaptureFixture) -> None:
    script = Script(answer("UP_7_", record("a")), answer("UP_7_"), answer("UP_7_", record("a")))
    with caplog.at_level("WARNING", "meshclient.discovery"):
        outcomes = fetches(script, 2)
    assert [ids(outcome) for outcome in outcomes] == [["a"], ["a"]]
    (said,) = (entry.getMessage() for entry in caplog.records)
    assert "counts 'UP_7_' and lists 'UP_1_'" in said


def test_malformed_records_are_named_once(caplog: pytest.LogCaptureFixture) -> None:
    script = Script(*[answer("UP_2_", record("a"), {"status": "UP"}) for _ in range(3)])
    with caplog.at_level("WARNING", "meshclient.discovery"):
        fetches(script, 2)
    (said,) = (entry.getMessage() for entry in caplog.records)
    assert "1 records of the registry are malformed" in said


def test_self_preservation_is_recognised_and_named_once(caplog: pytest.LogCaptureFixture) -> None:
    def whole() -> httpx.Response:
        lease = {"leaseInfo": {"lastRenewalTimestamp": 1_599_999_000_000, "durationInSecs": 90}}
        return answer("UP_2_", record("a") | lease, record("b"), date="Sun, 13 Sep 2020 12:26:40 GMT")

    script = Script(whole(), httpx.Response(403), whole())
    with caplog.at_level("WARNING", "meshclient.discovery"):
        fetches(script, 2)
    (said,) = (entry.getMessage() for entry in caplog.records)
    assert "1 of 2 instances" in said
    assert "self-preservation" in said


def test_credentials_are_sent_and_a_rotated_file_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("old")
    sent: list[str] = []

    def serve(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers["Authorization"])
        file.write_text("new")
        return httpx.Response(401, text="bad password old") if len(sent) == 1 else answer("")

    options = EurekaOptions.parse(ResolverUri.parse(f"eureka://h1?user=me&password_file={file}"))
    connection = Connection(options, httpx.MockTransport(serve))

    async def run() -> None:
        async with connection.open() as client:
            await Replica(connection, options, Clock()).fetch(client)

    asyncio.run(run())
    assert sent == ["Basic bWU6b2xk", "Basic bWU6bmV3"]


def test_a_denial_names_the_user_and_not_the_password() -> None:
    script = Script(httpx.Response(401, text="no access with hunter2"))
    (failure,) = fetches(script, 1, "eureka://h1?user=me&password=hunter2")
    for words in ("denied the registry", "401", "user 'me'", "no access with (password)"):
        assert words in str(failure)
    assert "hunter2" not in str(failure)
