"""What a client keeps for services ends with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unit.http.face import Face, face_fixture  # noqa: F401 - a fixture
from unit.http.rawserver import OK, RawServer, always

if TYPE_CHECKING:
    from typing import Any


def called(face: Face, client: Any, *names: str) -> None:
    """Twice each: the first call waits for the list, and takes httpx's road."""
    for name in names * 2:
        assert face.run(client.get(f"http://{name}/")).status_code == 200


def test_a_service_that_the_mesh_forgets_is_forgotten_by_its_clients(face: Face) -> None:
    with RawServer(always(OK)) as server:
        services = {name: {"endpoints": [server.url]} for name in ("orders", "users", "stock")}
        client = face.client(services=services)
        called(face, client, "orders", "users")
        lanes = client._lanes
        assert lanes._engines.keys() == {"orders", "users"}
        client.mesh.service("orders").released = True
        called(face, client, "stock")
        assert lanes._engines.keys() == {"users", "stock"}
        assert lanes.known.keys() == {("http", "users"), ("http", "stock")}
        # What is in use stays as it was.
        kept = lanes._engines["users"]
        called(face, client, "users")
        assert lanes._engines["users"] is kept


def test_plain_calls_leave_a_service_that_was_released(face: Face) -> None:
    with RawServer(always(OK)) as server:
        client = face.orders(server.url)
        called(face, client, "orders")
        before = client.mesh.service("orders")
        client.mesh.close()
        called(face, client, "orders")
        assert before.released
        assert client.mesh.service("orders") is not before
        assert client._lanes.known["http", "orders"].service is client.mesh.service("orders")
