"""Connections that are there before they are needed, and plain calls of services whose calls are divided."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from servers.backend import Backends
from servers.process import wait_until
from unit.http.face import Face, face_fixture  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from servers.backend import Backend

BOUND = 60.0


def open_at(face: Face, backend: Backend) -> int:
    """Connections that a server has open, beside the one that asks."""
    # A connection belongs to its loop, which has to run.
    face.run(asyncio.sleep(0.01) if face.is_async else None)
    count: int = backend.stats()["open"]
    return count - 1


def test_after_the_first_call_all_that_are_listed_are_warm(face: Face) -> None:
    factory = Backends()
    try:
        backends = factory(3)
        client = face.orders(*(one.url for one in backends), service={"connections": {"warm": True}})
        for _ in range(2):
            # The first one waits for the list, and takes httpx's road.
            face.run(client.get("http://orders/"))
        wait_until(lambda: all(open_at(face, one) >= 1 for one in backends), BOUND, "a connection to each of them")
    finally:
        factory.stop()


def test_plain_calls_are_divided_as_all_others(face: Face) -> None:
    """Each variant has connections of its own, and a lane by the service's name must not be one of theirs."""
    factory = Backends()
    try:
        one, two = factory(2)
        listed: list[dict[str, Any]] = [
            {"host": one.host, "port": one.port},
            {"host": two.host, "port": two.port, "tags": ["v2"]},
        ]
        traffic = {"split": {"v1": 50, "v2": 50}, "variants": {"v2": {"tags": ["v2"]}}}
        services = {"orders": {"endpoints": listed, "traffic": traffic}}
        client = face.client(services=services)
        went = [face.run(client.get("http://orders/")).json()["instance"] for _ in range(60)]
        assert 10 < went.count(one.name) < 50
    finally:
        factory.stop()
