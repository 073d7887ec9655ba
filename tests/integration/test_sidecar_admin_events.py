"""The stream of events of a real mesh: what is told, to whom, and what a slow reader costs."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

from integration.admin_site import (  # noqa: F401 - fixtures
    Site,
    events,
    site,
    started_backends_fixture,
    two_backends_fixture,
)
from meshclient.model.events import RegistryRecovered
from meshclient.sidecar.admin.hearing import Overheard
from meshclient.sidecar.admin.limits import Limits
from servers.process import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servers.backend import Backend


@pytest.fixture
def orders(two_backends: list[Backend], monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    # Nobody here has to wait a second for the next state.
    monkeypatch.setattr("meshclient.sidecar.admin.broadcast._SOONEST", 0.05)
    # The dead one is tried again soon, and while a test is about that it still is.
    ejection = {"consecutive": 1, "base": "1s", "limit": "2s"}
    with site({"orders": {"endpoints": [backend.url for backend in two_backends], "ejection": ejection}}) as made:
        yield made


def test_a_reader_is_told_the_past_the_state_and_what_is_decided(orders: Site, two_backends: list[Backend]) -> None:
    dead, _ = two_backends
    orders.call(times=4)
    orders.post("/isolate?service=orders")
    orders.post("/reset?service=orders")
    broadcast = orders.admin.broadcast
    # The list is told of by another thread.
    wait_until(lambda: len(broadcast.history) == 3, 20, "all three are written down")
    with orders.http.stream("GET", orders.url + "/events") as response:
        assert response.headers["content-type"] == "text/event-stream"
        told = events(response)
        kind, past = next(told)
        assert (kind, past["schema"]) == ("decisions", "meshclient.decisions/v1")
        words = [each["words"] for each in past["decisions"]]
        assert "configuration lists 2 endpoints" in words
        assert "circuit closed to isolated: it was isolated by hand" in words
        assert "circuit isolated to closed: it was reset by hand" in words
        kind, state = next(told)
        assert (kind, state["schema"], state["ready"]) == ("state", "meshclient.state/v1", True)
        [service] = state["services"]
        assert service["service"] == "orders"
        assert [part["state"] for part in service["listed"]] == ["in_rotation", "in_rotation"]

        dead.kill()
        orders.keep_calling("orders")
        ejected = next(data for kind, data in told if kind == "decision" and data["kind"] == "endpoint_ejected")
        assert ejected["level"] == "bad"
        assert ejected["service"] == "orders"
        assert ejected["words"].startswith(f"ejected 127.0.0.1:{dead.port} after ")
        assert "probe in " in ejected["words"]
        parts = (part for kind, data in told if kind == "state" for part in data["services"][0]["listed"])
        out = next(part for part in parts if part["state"] == "ejected")
        assert out["port"] == dead.port
        assert out["returns_in_seconds"] > 0

        dead.start()
        back = next(data for kind, data in told if kind == "decision" and data["kind"] == "endpoint_restored")
        assert back["words"] == f"127.0.0.1:{dead.port} is back in rotation"


def test_the_state_comes_again_and_again(orders: Site) -> None:
    with orders.http.stream("GET", orders.url + "/events") as response:
        states = (data for kind, data in events(response) if kind == "state")
        first, second = next(states), next(states)
    assert first["time"] < second["time"]
    wait_until(lambda: orders.admin.broadcast.readers == 0, 20, "the reader is forgotten")


def test_a_state_that_cannot_be_told_ends_nothing(orders: Site, caplog: pytest.LogCaptureFixture) -> None:
    orders.call()
    ready, orders.view.ready = orders.view.ready, lambda: 1 / 0
    with orders.http.stream("GET", orders.url + "/events") as response:
        told = events(response)
        assert next(told)[0] == "decisions"
        wait_until(lambda: "ZeroDivisionError" in caplog.text, 20, "it is logged")
        orders.view.ready = ready
        orders.post("/isolate?service=orders")
        assert next(data["kind"] for kind, data in told if kind == "decision") == "circuit_changed"
    with orders.http.stream("GET", orders.url + "/events") as response:
        assert next(data["ready"] for kind, data in events(response) if kind == "state") is True


def test_there_is_room_for_so_many_streams() -> None:
    with site({}, limits=Limits(streams=1)) as made:
        with made.http.stream("GET", made.url + "/events"):
            wait_until(lambda: made.admin.broadcast.readers == 1, 20, "the first reads")
            refused = made.get("/events")
            assert (refused.status_code, refused.headers["mesh-error"]) == (503, "overloaded")
            assert made.get("/live").status_code == 200
        wait_until(lambda: made.admin.broadcast.readers == 0, 20, "the first is gone")
        with made.http.stream("GET", made.url + "/events") as response:
            assert response.status_code == 200


def test_a_stream_with_nothing_to_say_says_that_it_lives() -> None:
    with site({}, limits=Limits(heartbeat=0.05)) as made, made.connect() as sock:
        sock.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        seen = b""
        while b"\n: still here\n\n" not in seen:
            seen += sock.recv(65536)


def slow_reader(made: Site) -> socket.socket:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(20)
    sock.connect(("127.0.0.1", made.port))
    sock.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return sock


def storm(made: Site, count: int) -> None:
    """So many decisions of 10 KB, each told from another thread than the loop's."""
    event = RegistryRecovered("orders", "x" * 10_000, 1.0)

    def tell() -> None:
        for _ in range(count):
            made.mesh.tally.heard(event)

    thread = threading.Thread(target=tell)
    thread.start()
    thread.join()


def test_a_slow_reader_gets_the_latest_and_is_told_what_it_missed() -> None:
    with site({}) as made, slow_reader(made) as sock:
        wait_until(lambda: made.admin.broadcast.readers == 1, 20, "it reads")
        [stream] = made.admin.broadcast._streams

        def behind() -> Any:
            storm(made, 100)
            return stream._left_out

        wait_until(behind, 20, "it is behind")
        assert len(stream._lines) <= 64
        [connection] = made.admin.connections
        assert connection._transport is not None
        # The high-water mark, and one frame beyond it.
        assert connection._transport.get_write_buffer_size() < 128 * 1024
        seen = b""
        while b"event: left_out" not in seen:
            part = sock.recv(65536)
            assert part
            # Megabytes are under way.
            seen = seen[-100:] + part


def test_a_reader_that_stopped_is_cut_off() -> None:
    with site({}, limits=Limits(stall=0.2)) as made, slow_reader(made):
        wait_until(lambda: made.admin.broadcast.readers == 1, 20, "it reads")

        def gone() -> bool:
            storm(made, 100)
            return made.admin.broadcast.readers == 0

        wait_until(gone, 20, "it is gone")


def test_events_after_the_end_reach_nobody(orders: Site) -> None:
    orders.run(orders.admin.aclose())
    storm(orders, 10)
    log = orders.mesh.tally._log
    assert isinstance(log, Overheard)
    assert log.listeners == ()
    assert orders.admin.broadcast.history == []
