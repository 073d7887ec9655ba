"""tenacity's strategy objects decide about repeats, in the configuration and with a call, in both colours."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import tenacity
from tenacity.asyncio import retry_if_result as async_retry_if_result

import meshclient
from meshclient.config.loaded import load
from unit.http.face import Face, face_fixture, pending  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from pathlib import Path

    from tenacity import RetryCallState

    from servers.backend import Backend, Backends

QUICK = tenacity.wait_fixed(0.001)


def accepted(response: httpx.Response) -> bool:
    return response.status_code == 202


async def accepted_later(response: httpx.Response) -> bool:
    return accepted(response)


def get(face: Face, backend: Backend, path: str, retry: Any, **more: Any) -> httpx.Response:
    client = face.orders(backend.url, service={"retry": retry}, **more)
    answer: httpx.Response = face.run(client.get(f"http://orders{path}"))
    assert pending(client) == 0
    return answer


def test_a_result_is_asked_for_again_until_it_is_another(face: Face, backends: Backends) -> None:
    [backend] = backends(1, status=202, times=2)
    retry = {"wait": QUICK, "retry": tenacity.retry_if_result(accepted), "attempts": 5}
    response = get(face, backend, "/", retry)
    assert (response.status_code, backend.stats()["requests"]) == (200, 3)
    reasons = [attempt.reason for attempt in response.extensions["mesh"].attempts]
    assert reasons == ["ok: tried again after 0.001s", "ok: tried again after 0.001s", ""]


def test_what_stays_unwanted_is_returned_in_the_end(face: Face, backends: Backends) -> None:
    [backend] = backends(1, status=202)
    response = get(face, backend, "/", {"wait": QUICK, "retry": tenacity.retry_if_result(accepted)})
    assert (response.status_code, backend.stats()["requests"]) == (202, 3)
    assert response.extensions["mesh"].attempts[-1].reason == "attempt 3 of 3 was the last"


@pytest.mark.parametrize(
    ("strategy", "asked"),
    [
        (tenacity.retry_if_exception_type(httpx.RemoteProtocolError), 3),
        (tenacity.retry_if_exception_type(httpx.ConnectError), 1),
        (tenacity.retry_if_not_exception_type(httpx.ConnectError), 3),
        (tenacity.retry_if_not_exception_type(httpx.TransportError), 1),
        (tenacity.retry_any(tenacity.retry_if_result(accepted), tenacity.retry_if_exception_type()), 3),
        (tenacity.retry_if_result(accepted) | tenacity.retry_if_exception_type(), 3),
        (tenacity.retry_if_result(accepted) & tenacity.retry_if_exception_type(), 1),
        (tenacity.retry_never, 1),
    ],
)
def test_errors_are_told_by_their_types(face: Face, backends: Backends, strategy: Any, asked: int) -> None:
    [backend] = backends(1, close=True)
    with pytest.raises(httpx.RemoteProtocolError):
        get(face, backend, "/", {"wait": QUICK, "retry": strategy})
    assert backend.stats()["requests"] == asked


def test_a_time_that_is_up_is_a_timeout_of_httpx(face: Face, backends: Backends) -> None:
    [backend] = backends(1, hang=True)
    retry = {"wait": QUICK, "retry": tenacity.retry_if_exception_type(httpx.ReadTimeout)}
    with pytest.raises(httpx.ReadTimeout):
        get(face, backend, "/", retry, defaults={"attempt_timeout": 0.05})
    assert backend.stats()["requests"] == 3


@pytest.mark.parametrize(
    ("stop", "asked"),
    [
        (tenacity.stop_after_attempt(4), 4),
        (tenacity.stop_after_delay(0), 1),
        (tenacity.stop_after_delay(60) | tenacity.stop_after_attempt(2), 2),
        (tenacity.stop_after_delay(0) & tenacity.stop_after_attempt(2), 2),
        # 1 + 2 + 40 ms pass between the attempts: the last of these pauses would end too late.
        (tenacity.stop_before_delay(0.04), 3),
    ],
)
def test_it_stops_when_it_is_told(face: Face, backends: Backends, stop: Any, asked: int) -> None:
    [backend] = backends(1, status=503)
    wait = tenacity.wait_chain(QUICK, QUICK + QUICK, tenacity.wait_fixed(0.04))
    response = get(face, backend, "/", {"wait": wait, "stop": stop})
    assert (response.status_code, backend.stats()["requests"]) == (503, asked)


def test_the_pauses_are_those_of_the_strategy(face: Face, backends: Backends) -> None:
    [backend] = backends(1, status=503)
    wait = tenacity.wait_chain(tenacity.wait_fixed(0.002), tenacity.wait_fixed(0.003) + tenacity.wait_fixed(0.001))
    response = get(face, backend, "/", {"wait": wait, "attempts": 4})
    reasons = [attempt.reason for attempt in response.extensions["mesh"].attempts]
    assert [reason.rpartition(" ")[2] for reason in reasons[:-1]] == ["0.002s", "0.004s", "0.004s"]


def test_the_state_is_what_tenacity_would_show(face: Face, backends: Backends) -> None:
    [backend] = backends(1, status=503)
    seen: list[tuple[Any, ...]] = []

    def look(state: RetryCallState) -> bool:
        assert state.outcome is not None
        response = state.outcome.result()
        assert response.request.url == "http://orders/"
        assert (state.seconds_since_start or 0) >= state.idle_for
        seen.append((state.attempt_number, response.status_code, round(state.idle_for, 6), state.upcoming_sleep))
        return state.attempt_number == 3

    get(face, backend, "/", {"wait": QUICK, "stop": look})
    assert seen == [(1, 503, 0.0, 0.001), (2, 503, 0.001, 0.001), (3, 503, 0.002, 0.001)]


def test_a_call_brings_its_own(face: Face, backends: Backends) -> None:
    [backend] = backends(1, status=503)
    client = face.orders(backend.url, service={"retry": False})

    def asked(retry: object) -> int:
        before: int = backend.stats()["requests"]
        face.run(client.get("http://orders/", extensions={"mesh": {"retry": retry}}))
        after: int = backend.stats()["requests"]
        return after - before

    assert asked(True) == 1
    assert asked({"wait": QUICK}) == 3
    assert asked({"wait": QUICK, "attempts": 2}) == 2
    assert asked({"wait": QUICK, "stop": tenacity.stop_after_attempt(4)}) == 4
    assert asked({"retry": tenacity.retry_never}) == 1


@pytest.mark.parametrize("key", ["wait", "stop", "retry"])
def test_a_strategy_that_fails_is_named_and_nothing_is_lost(face: Face, backends: Backends, key: str) -> None:
    [backend] = backends(1, status=503)

    def fail(_: RetryCallState) -> float:
        raise KeyError("no such tariff")

    client = face.orders(backend.url, service={"retry": {key: fail}}, limits=httpx.Limits(max_connections=1))
    for _ in range(3):
        with pytest.raises(KeyError, match="no such tariff") as caught:
            face.run(client.get("http://orders/"))
        said = "\n".join(caught.value.__notes__)
        assert f"raised by retry = {{'{key}': <function" in said
        assert "after attempt 1" in said
        assert "status 503" in said
        assert caught.value.mesh.attempts[0].reason == "the retry strategy failed"  # type: ignore[attr-defined]
        assert pending(client) == 0
    assert backend.stats()["open"] <= 2  # this question's own connection is the second


def test_a_strategys_own_error_of_ours_stays_as_it_is(face: Face, backends: Backends) -> None:
    [backend] = backends(1, status=503)

    def fail(_: RetryCallState) -> bool:
        raise meshclient.ConfigError("no tariff is configured")

    with pytest.raises(meshclient.ConfigError, match=r"^no tariff is configured") as caught:
        get(face, backend, "/", {"retry": fail})
    assert "status 503" in "\n".join(caught.value.__notes__)


def test_a_pause_that_is_none_is_refused(face: Face, backends: Backends) -> None:
    [backend] = backends(1, status=503)
    with pytest.raises(TypeError, match="a number of seconds, not None"):
        get(face, backend, "/", {"wait": lambda _: None})


def test_what_cannot_be_a_strategy_is_refused_when_it_is_given(tmp_path: Path) -> None:
    file = tmp_path / "mesh.toml"
    file.write_text('[defaults.retry]\nwait = "1s"\n')
    with pytest.raises(meshclient.ConfigError, match=r"(?s)defaults.retry.wait \(file .*'1s' is no strategy.*keyword"):
        load(environ={}, cwd=tmp_path, path=file)
    for wrong, why in (
        (tenacity.wait_fixed, "is no strategy"),
        (async_retry_if_result(accepted_later), "is asynchronous"),
        (3, "is no strategy"),
    ):
        with pytest.raises(meshclient.ConfigError, match=why):
            meshclient.Client(defaults={"retry": {"retry": wrong}})


@pytest.mark.parametrize("retry", [3, {"attempt": 2}, {"wait": "1s"}, {"attempts": 0}])
def test_what_a_call_cannot_ask_for_is_refused(retry: object) -> None:
    async def ask() -> None:
        async with meshclient.AsyncClient(services={"orders": {"endpoints": ["http://127.0.0.1:9"]}}) as http:
            await http.get("http://orders/", extensions={"mesh": {"retry": retry}})

    with pytest.raises(meshclient.ConfigError, match="retry"):
        asyncio.run(ask())
