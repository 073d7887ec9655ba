"""respx on top of meshclient: by default it stands in for the endpoints, with `using="httpx"` for the whole service."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import respx

from unit.http.face import Face, face_fixture, pending  # noqa: F401 - a fixture


@pytest.fixture(params=["own client", "transport"])
def client(request: pytest.FixtureRequest, face: Face) -> Any:
    endpoints = {"orders": {"endpoints": ["10.0.0.1:80", "10.0.0.2:80"], "balancer": "round_robin"}}
    if request.param == "own client":
        return face.client(services=endpoints)
    mesh = face.mesh(services=endpoints)
    made = face.httpx(transport=face.transport(mesh))
    made.mesh = mesh
    return made


def test_the_default_mocker_sees_endpoints(face: Face, client: Any) -> None:
    with respx.mock as mocked:
        first = mocked.get("http://10.0.0.1/a").respond(503)
        second = mocked.get("http://10.0.0.2/a").respond(json={"ok": True})
        responses = [face.run(client.get("http://orders/a")) for _ in range(2)]
        assert [response.json() for response in responses] == [{"ok": True}] * 2
        assert first.called
        assert second.call_count == 2
        assert second.calls.last.request.headers["host"] == "orders"
        assert str(responses[0].url) == "http://orders/a"
        assert responses[0].extensions["mesh"].service == "orders"
    assert pending(client) == 0


def test_the_httpx_mocker_sees_services(face: Face, client: Any) -> None:
    with respx.mock(using="httpx") as mocked:
        route = mocked.get("http://orders/a").respond(json={"ok": True})
        response = face.run(client.get("http://orders/a"))
        assert response.json() == {"ok": True}
        assert route.call_count == 1
        assert "mesh" not in response.extensions


def test_errors_that_respx_raises_are_retried_and_told(face: Face, client: Any) -> None:
    with respx.mock as mocked:
        route = mocked.route(path="/a").mock(side_effect=httpx.ConnectError)
        with pytest.raises(httpx.ConnectError) as caught:
            face.run(client.get("http://orders/a"))
        assert route.call_count == 3
        assert len(caught.value.mesh.attempts) == 3  # type: ignore[attr-defined]
