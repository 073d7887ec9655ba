"""What a caller sees of the registry: errors that say what is wrong, and lists that outlive an outage."""

from __future__ import annotations

import asyncio
import copy
import logging
import pickle
import random
import re
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import meshclient
from meshclient.model.duration import parse_duration
from meshclient.model.endpoint import Endpoint, Health
from meshclient.model.snapshot import Empty, Ready, listing
from unit.http.face import Face, face_fixture, statuses  # noqa: F401 - a fixture
from unit.http.rawserver import OK, UNAVAILABLE, RawServer, always, refusing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from meshclient.model.service import ServiceName
    from servers.backend import Backends


class Registry:
    """Answers what a test last told it to: a list, an exception to raise, or None to be silent."""

    source = "registry://test"

    def __init__(self, answer: Ready | Empty | Exception | None = None) -> None:
        self.answer = answer

    async def watch(self, name: ServiceName) -> AsyncIterator[Ready | Empty]:
        said: object = None
        while True:
            if isinstance(self.answer, Exception):
                raise self.answer
            if self.answer is not None and self.answer is not said:
                said = self.answer
                yield self.answer
            await asyncio.sleep(0.005)


def ready(*urls: str, **attributes: Any) -> Ready | Empty:
    parsed = (Endpoint.parse(url) for url in urls)
    return listing([Endpoint(e.host, e.port, **attributes) for e in parsed], source=Registry.source)


def wait_for_state(client: Any, state: str) -> None:
    service = client.mesh.service("orders")
    end = time.monotonic() + 10
    while (snapshot := service.snapshot).state != state:
        assert service.watch.wait(snapshot, end - time.monotonic()), f"still {snapshot.state}"


def test_a_service_that_nobody_knows(face: Face) -> None:
    client = face.client("static://?users=127.0.0.1:1")
    with pytest.raises(meshclient.ServiceNotFound) as caught:
        face.run(client.get("http://orders/"))
    assert isinstance(caught.value, httpx.ConnectError)
    assert isinstance(caught.value, meshclient.ResolutionError)
    assert str(caught.value) == (
        "static://?users=127.0.0.1:1 knows no service 'orders'; nothing was sent; "
        "check the name's spelling and where it is registered: "
        "meshclient --resolver 'static://?users=127.0.0.1:1' resolve orders"
    )
    assert caught.value.request.url == "http://orders/"
    report = caught.value.mesh
    assert report is not None
    assert (report.service, report.attempts, report.snapshot.state) == ("orders", (), "empty")  # type: ignore[union-attr]


def test_a_service_without_endpoints(face: Face) -> None:
    client = face.client(Registry(Empty(source=Registry.source)))
    with pytest.raises(meshclient.NoEndpoints) as caught:
        face.run(client.get("http://orders/"))
    assert isinstance(caught.value, httpx.ConnectError)
    assert str(caught.value) == (
        "registry://test lists no usable endpoint of 'orders'; nothing was sent; "
        "see which instances are healthy: meshclient --resolver 'registry://test' resolve orders"
    )


def test_a_service_whose_endpoints_all_drain(face: Face) -> None:
    client = face.client(Registry(ready("127.0.0.1:1", health=Health.DRAINING)))
    with pytest.raises(meshclient.NoEndpoints, match="every endpoint of 'orders' is draining, says registry://test"):
        face.run(client.get("http://orders/"))


@pytest.mark.parametrize("cause", [ConnectionRefusedError("connection refused"), None], ids=["down", "silent"])
def test_a_registry_that_is_down_at_the_start(face: Face, cause: Exception | None) -> None:
    client = face.client(Registry(cause), defaults={"deadline": "400ms"})
    begun = time.monotonic()
    with pytest.raises(meshclient.ResolverUnavailable) as caught:
        face.run(client.get("http://orders/"))
    assert 0.4 <= time.monotonic() - begun < 5
    assert isinstance(caught.value, httpx.ConnectError)
    message = str(caught.value)
    assert message.startswith("cannot resolve 'orders': registry://test has been ")
    if cause is not None:
        found = re.search(r"has been unavailable for (\S+): ", message)
        assert "ConnectionRefusedError: connection refused" in message
    else:
        found = re.search(r"has been asked for (\S+) and has not answered", message)
    waited = re.search(r"\(the call waited (\S+)\)", message)
    assert found is not None
    assert waited is not None
    # On a busy machine the registry may be asked, and the error written, some time after the call's clock has begun.
    assert 0.1 < parse_duration(found[1]) < 5
    assert 0.4 <= parse_duration(waited[1]) < 5
    assert message.endswith(
        "nothing was sent; check that the registry is reachable from here: "
        "meshclient --resolver 'registry://test' resolve orders"
    )


def test_a_registry_that_refuses_the_credentials(face: Face) -> None:
    class RegistryDenied(Exception):
        pass

    client = face.client(Registry(RegistryDenied("token refused")), defaults={"deadline": "100ms"})
    with pytest.raises(meshclient.ResolverUnavailable, match="check the credentials that it is asked with, and what"):
        face.run(client.get("http://orders/"))


def test_a_call_waits_for_a_registry_that_comes_up(face: Face) -> None:
    with RawServer(always(OK)) as server:
        registry = Registry(OSError("not yet"))
        client = face.client(registry)
        wait_for_state(client, "failed")
        registry.answer = ready(server.url)
        response = face.run(client.get("http://orders/"))
        assert response.text == "ok"


def test_a_deadline_that_passes_while_an_endpoint_is_silent(face: Face, backends: Backends) -> None:
    [backend] = backends(1, hang=True)
    client = face.orders(backend.url, defaults={"deadline": "300ms"})
    with pytest.raises(meshclient.DeadlineExceeded) as caught:
        face.run(client.get("http://orders/"))
    assert isinstance(caught.value, httpx.TimeoutException)
    assert isinstance(caught.value, meshclient.MeshError)
    message = str(caught.value)
    assert message.startswith(f"the call to 'orders' did not end within its deadline of 0.3s; tried 1. {backend.url} (")
    assert "may have been received" in message
    assert message.endswith(
        'give it more time with deadline = "..." in the configuration or extensions={"mesh": {"deadline": seconds}}'
    )
    assert caught.value.mesh is not None
    assert caught.value.mesh.deadline_left == 0


def test_an_upstreams_own_error_passes_with_a_note(face: Face) -> None:
    urls = (refusing(), refusing())
    client = face.orders(*urls)
    with pytest.raises(httpx.ConnectError) as caught:
        face.run(client.get("http://orders/"))
    assert caught.type is httpx.ConnectError
    error: Any = caught.value
    assert len(error.mesh.attempts) == 3
    [note] = error.__notes__
    assert note.startswith("meshclient: call to service 'orders': tried 1. http://127.0.0.1:")
    assert all(url in note for url in urls)
    assert note.count("never sent") == 3
    assert "attempt 3 of 3 was the last" in note
    assert error.request.url == "http://orders/"


def test_errors_can_be_shown_and_copied(face: Face) -> None:
    client = face.client("static://?users=127.0.0.1:1")
    with pytest.raises(meshclient.ServiceNotFound) as caught:
        face.run(client.get("http://orders/"))
    copied = copy.copy(caught.value)
    assert repr(copied).startswith("HttpServiceNotFound(")
    assert str(copied) == str(caught.value)
    assert copied.mesh is caught.value.mesh


def test_errors_with_a_story_travel_between_processes(face: Face) -> None:
    client = face.orders(refusing(), service={"retry": False})
    with pytest.raises(httpx.ConnectError) as caught:
        face.run(client.get("http://orders/"))
    error: Any = caught.value
    copied = pickle.loads(pickle.dumps(error))
    assert str(copied) == str(error)
    assert copied.mesh.attempts == error.mesh.attempts


def test_a_lost_registry_does_not_stop_calls_and_shows_its_age(face: Face, caplog: pytest.LogCaptureFixture) -> None:
    with RawServer(always(OK)) as server, caplog.at_level(logging.WARNING, "meshclient"):
        registry = Registry(ready(server.url))
        client = face.client(registry)
        fresh = face.run(client.get("http://orders/")).extensions["mesh"].snapshot
        assert (fresh.state, fresh.source) == ("ready", "registry://test")
        registry.answer = OSError("the registry burns")
        wait_for_state(client, "failed")
        older = face.run(client.get("http://orders/")).extensions["mesh"].snapshot
        oldest = face.run(client.get("http://orders/")).extensions["mesh"].snapshot
        assert older.state == "failed"
        assert "the registry burns" in older.cause
        assert fresh.age < older.age < oldest.age
        assert older.version == fresh.version
        registry.answer = ready(server.url)
        wait_for_state(client, "ready")
        assert face.run(client.get("http://orders/")).extensions["mesh"].snapshot.age < oldest.age + 5
    messages = [record.getMessage() for record in caplog.records]
    assert any("the last list of 1 serves on" in message for message in messages)
    assert any("answers again after" in message for message in messages)


def test_an_empty_answer_is_held_while_an_endpoint_answers(face: Face, caplog: pytest.LogCaptureFixture) -> None:
    answers = [OK]

    def rule(connection: Any) -> None:
        while connection.request():
            connection.send(answers[0])

    with RawServer(rule) as server, caplog.at_level(logging.WARNING, "meshclient"):
        registry = Registry(ready(server.url))
        client = face.client(registry, defaults={"retry": False})
        assert face.run(client.get("http://orders/")).status_code == 200
        registry.answer = Empty(source=Registry.source)
        wait_for_state(client, "empty")
        for _ in range(3):
            response = face.run(client.get("http://orders/"))
            assert (response.status_code, response.extensions["mesh"].snapshot.state) == (200, "empty")
        answers[0] = UNAVAILABLE
        assert face.run(client.get("http://orders/")).status_code == 503
        with pytest.raises(meshclient.NoEndpoints) as caught:
            face.run(client.get("http://orders/"))
    assert str(caught.value).startswith(
        "registry://test lists no endpoint of 'orders' any more, and none of the 1 it listed before answers; nothing"
    )
    assert "the 1 known before are kept" in caplog.text


def test_an_endpoint_list_that_changes_under_load(face: Face, backends: Backends, tmp_path: Path) -> None:
    urls = [backend.url for backend in backends(4)]
    path = tmp_path / "mesh.toml"
    rng = random.Random(7)

    def rewrite(number: int) -> None:
        some = rng.sample(urls, rng.randint(1, 4))
        text = f"[services.orders]\nendpoints = {some}\n# {number}\n"
        if number % 2:
            path.write_text(text)
        else:
            fresh = path.with_suffix(".new")
            fresh.write_text(text)
            fresh.replace(path)

    rewrite(0)
    client = face.client(f"file://{path}")
    seen, versions = set(), set()
    for call in range(500):
        if call % 25 == 0:
            rewrite(call // 25)
        response = face.run(client.get("http://orders/"))
        assert response.status_code == 200
        seen.add(response.extensions["mesh"].endpoint.url)
        versions.add(response.extensions["mesh"].snapshot.version)
        time.sleep(0.004)
    assert len(seen) >= 2
    assert len(versions) >= 2


def test_a_thousand_endpoints(face: Face) -> None:
    with RawServer(always(OK)) as server:
        port = server.port
        hosts = [f"127.0.{number // 250}.{number % 250 + 1}" for number in range(1000)]
        client = face.client(Registry(listing([Endpoint(host, port) for host in hosts], source=Registry.source)))
        # Only 127.0.0.1 listens; all others refuse.
        with pytest.raises(httpx.ConnectError) as caught:
            face.run(client.get("http://orders/", headers={"X-Calls": "1"}))
        error: Any = caught.value
        assert len({attempt.endpoint.host for attempt in error.mesh.attempts}) == 3
        assert len(statuses(client)) == 1000
