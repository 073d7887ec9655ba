"""An endpoint that leaves the list: what is in flight ends as it would have, and no connection to it stays."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx

import meshclient
from unit.http.face import Face, face_fixture  # noqa: F401 - a fixture
from unit.http.rawserver import OK, RawServer, always

if TYPE_CHECKING:
    from pathlib import Path

    from unit.http.rawserver import Connection

BOUND = 60.0


class Listed:
    """A services file with the endpoints of one service."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "mesh.toml"

    def write(self, *urls: str) -> None:
        fresh = self.path.with_suffix(".new")
        fresh.write_text(f"[services.orders]\nendpoints = {list(urls)}\n", "utf-8")
        fresh.rename(self.path)


def wait_for_list(client: Any, *urls: str) -> None:
    service, end = client.mesh.service("orders"), time.monotonic() + BOUND
    seen = service.snapshot
    while [endpoint.url for endpoint in seen.endpoints] != list(urls):
        assert service.watch.wait(seen, end - time.monotonic()), seen
        seen = service.snapshot


def test_idle_connections_to_it_are_closed_at_once(face: Face, tmp_path: Path) -> None:
    left = threading.Event()

    def serve(connection: Connection) -> None:
        while connection.request() is not None:
            connection.send(OK)
        left.set()

    listed = Listed(tmp_path)
    with RawServer(serve) as goes, RawServer(always(OK)) as stays:
        listed.write(goes.url)
        client = face.client(f"file://{listed.path}", limits=httpx.Limits(keepalive_expiry=None))
        assert face.run(client.get("http://orders/a")).text == "ok"
        listed.write(stays.url)
        wait_for_list(client, stays.url)
        if face.is_async:
            # Nothing is called any more, but a connection belongs to its loop, which has to run.
            face.run(asyncio.to_thread(left.wait, BOUND))
        assert left.wait(BOUND)


def test_what_is_in_flight_to_it_ends_undisturbed(tmp_path: Path) -> None:
    arrived, go_on = threading.Event(), threading.Event()

    def serve(connection: Connection) -> None:
        if connection.request() is not None:
            arrived.set()
            assert go_on.wait(BOUND)
            connection.send(OK)

    listed = Listed(tmp_path)
    with RawServer(serve) as goes, RawServer(always(OK)) as stays, ThreadPoolExecutor(1) as pool:
        listed.write(goes.url)
        with meshclient.Client(f"file://{listed.path}", defaults={"deadline": False, "attempt_timeout": BOUND}) as http:
            slow = pool.submit(http.get, "http://orders/slow")
            assert arrived.wait(BOUND)
            listed.write(stays.url)
            wait_for_list(http, stays.url)
            assert http.get("http://orders/next").extensions["mesh"].attempts[0].endpoint.url == stays.url
            go_on.set()
            response = slow.result(BOUND)
            (attempt,) = response.extensions["mesh"].attempts
            assert (response.text, attempt.endpoint.url) == ("ok", goes.url)
