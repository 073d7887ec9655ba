"""A service of which everything fails is called less, by default, and fully again as soon as it is well."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import httpx
import pytest

import meshclient
from unit.http.face import Face, face_fixture  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from servers.backend import Backends

# The bound for full recovery, in seconds after the fault has ended.
RECOVERY = 2.0


def test_a_failing_service_is_left_alone_and_comes_back(face: Face, backends: Backends) -> None:
    both = backends(2, status=500)
    client = face.orders(*(backend.url for backend in both), service={"retry": False})

    def sent() -> int:
        return sum(backend.stats()["requests"] for backend in both)

    refused: list[meshclient.CircuitOpen] = []
    for _ in range(200):
        try:
            assert face.run(client.get("http://orders/")).status_code == 500
        except meshclient.CircuitOpen as error:
            refused.append(error)
    assert refused
    assert sent() == 200 - len(refused)
    last = refused[-1]
    assert isinstance(last, httpx.TransportError)
    assert last.retry_after > 0
    assert last.mesh is not None
    assert not last.mesh.attempts
    assert "accepted 0 of its last" in str(last)
    assert "nothing was sent" in str(last)

    for backend in both:
        backend.control()
    healed = time.monotonic()
    refused_at = healed
    while time.monotonic() - healed < RECOVERY + 1:
        try:
            assert face.run(client.get("http://orders/")).status_code == 200
        except meshclient.CircuitOpen:
            refused_at = time.monotonic()
        time.sleep(0.005)
    assert refused_at - healed <= RECOVERY


@pytest.mark.parametrize("service", [{"throttle": False}, {"shadow": ["throttle"]}])
def test_it_can_be_turned_off_and_watched(face: Face, backends: Backends, service: dict[str, object]) -> None:
    [backend] = backends(1, status=500)
    client = face.orders(backend.url, service={"retry": False, **service})
    for _ in range(100):
        assert face.run(client.get("http://orders/")).status_code == 500
    assert backend.stats()["requests"] == 100
    counts = client.mesh.service("orders").shadow.counts
    assert counts.get("throttle", 0) > 0 if "shadow" in service else counts == {}
