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


def test_hooks_authentication_cookies_and_redirects_run_over_the_same_call(face: Face) -> None:
    told: list[str] = []
    hooks = {
        "request": [face.hook(lambda request: told.append(f"> {request.url}"))],
        "response": [face.hook(lambda response: told.append(f"< {response.status_code}"))],
    }
    mesh = face.mesh(services={"orders": {"endpoints": ["10.0.0.1:80"]}})
    client = face.httpx(
        transport=face.transport(mesh), event_hooks=hooks, auth=httpx.DigestAuth("me", "pw"), follow_redirects=True
    )
    challenge = 'Digest realm="r", nonce="n", qop="auth", algorithm=MD5'
    with respx.mock as mocked:
        start = mocked.get("http://10.0.0.1/start")
        start.side_effect = [
            httpx.Response(401, headers={"www-authenticate": challenge}),
            httpx.Response(302, headers={"location": "/end", "set-cookie": "session=7; Path=/"}),
        ]
        end = mocked.get("http://10.0.0.1/end").respond(json={"ok": True})
        response = face.run(client.get("http://orders/start"))
        assert response.json() == {"ok": True}
        assert start.calls[1].request.headers["authorization"].startswith('Digest username="me"')
        assert end.calls.last.request.headers["cookie"] == "session=7"
    assert str(response.url) == "http://orders/end"
    assert [each.status_code for each in response.history] == [401, 302]
    assert client.cookies["session"] == "7"
    begun, ended = "> http://orders/start", "> http://orders/end"
    assert told == [begun, "< 401", begun, "< 302", ended, "< 200"]
    assert sum(status.pending for status in mesh.service("orders").balancer.status(0.0)) == 0
