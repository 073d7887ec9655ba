"""What administration answers about a real mesh with real backends."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

import meshclient
from integration.admin_site import (  # noqa: F401 - fixtures
    Site,
    everything,
    site,
    started_backends_fixture,
    two_backends_fixture,
)
from meshclient.sidecar.admin import Admin, MeshView
from servers.process import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from servers.backend import Backend

TOKEN = "f3a1c0ffee5badc0de" * 2


def listed(*backends: Backend, **service: object) -> dict[str, object]:
    """The configuration of a service with these, each in a zone of its own."""
    rows = [
        {"host": "127.0.0.1", "port": backend.port, "id": f"i-{at}", "zone": f"z{at}"}
        for at, backend in enumerate(backends)
    ]
    return {"endpoints": rows, **service}


@pytest.fixture
def orders(two_backends: list[Backend]) -> Iterator[Site]:
    first, second = two_backends
    with site({"orders": listed(first, second), "quiet": listed(first, circuit=True)}) as made:
        yield made


def test_it_lives_and_is_ready(orders: Site) -> None:
    live = orders.get("/live")
    assert live.json() == {"schema": "meshclient.live/v1", "live": True}
    assert live.headers["content-type"] == "application/json"
    assert live.headers["cache-control"] == "no-store"
    assert live.headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in live.headers["content-security-policy"]
    assert orders.json("/ready") == {"schema": "meshclient.ready/v1", "ready": True}
    head = orders.http.head(orders.url + "/ready")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(orders.get("/ready").content))


def test_a_process_that_is_not_ready_says_so() -> None:
    class Leaving(MeshView):
        def ready(self) -> bool:
            return False

    with site({}, view=Leaving) as made:
        assert made.get("/ready").status_code == 503
        assert made.get("/ready").json()["ready"] is False
        assert made.get("/live").status_code == 200


def test_looking_begins_nothing(orders: Site) -> None:
    assert orders.json("/services")["services"] == []
    assert orders.json("/endpoints")["endpoints"] == []
    missed = orders.get("/endpoints?service=orders")
    assert missed.status_code == 404
    assert missed.headers["mesh-error"] == "service_not_found"
    assert orders.mesh.tally.services is not None
    assert orders.mesh.tally.services.services == {}


def test_services_and_endpoints_are_told_with_their_numbers(orders: Site) -> None:
    orders.keep_calling("orders")

    def known() -> Any:
        rows = orders.json("/endpoints?service=orders")["endpoints"]
        return rows if len(rows) == 2 and all(row["rps"] and row["p99_seconds"] for row in rows) else None

    rows = wait_until(known, 20, "numbers of both endpoints")
    assert [row["id"] for row in sorted(rows, key=lambda row: str(row["zone"]))] == ["i-0", "i-1"]
    assert sum(row["share"] for row in rows) == pytest.approx(1)
    for row in rows:
        assert row["state"] == "in_rotation"
        assert row["circuit"] == "closed"
        assert row["returns_in_seconds"] is None
        assert 0 < row["p50_seconds"] <= row["p99_seconds"] < 20
        assert row["age_seconds"] >= 0
        assert row["attempts"] > 0
    [service] = orders.json("/services")["services"]
    assert (service["service"], service["state"], service["endpoints"], service["available"]) == (
        "orders",
        "ready",
        2,
        2,
    )
    assert service["rps"] > 0
    assert service["error_ratio"] == 0
    assert service["p50_seconds"] <= service["p99_seconds"]
    assert service["circuit"] == {"kind": "throttle", "state": "closed", "reason": None}
    assert orders.json("/services")["schema"] == "meshclient.services/v1"


def test_variants_of_a_service_have_rows_of_their_own(two_backends: list[Backend]) -> None:
    old, new = (
        {"host": "127.0.0.1", "port": backend.port, "tags": [tag]}
        for backend, tag in zip(two_backends, ("v1", "v2"), strict=True)
    )
    traffic = {"split": {"v1": 50, "v2": 50}, "variants": {"v2": {"tags": ["v2"]}}}
    with site({"orders": {"endpoints": [old, new], "traffic": traffic}}) as made:
        made.call(times=40)
        rows = {row["service"]: row for row in made.json("/services")["services"]}
        assert {name: row["endpoints"] for name, row in rows.items()} == {"orders": 2, "orders/rest": 1, "orders/v2": 1}
        [part] = made.json("/endpoints?service=orders/v2")["endpoints"]
        assert part["port"] == new["port"]
        assert 0 < part["attempts"] < 40
        assert made.post("/isolate?service=orders/v2").status_code == 200
        before = part["attempts"]
        made.call(times=20)
        assert made.json("/endpoints?service=orders/v2")["endpoints"][0]["attempts"] == before


def test_metrics_are_those_of_the_mesh(orders: Site) -> None:
    orders.call(times=3)
    text = orders.get("/metrics")
    assert text.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = text.text.splitlines()
    [count] = [line for line in lines if line.startswith("meshclient_client_call_duration_seconds_count{")]
    assert 'service_peer_name="orders"' in count
    assert count.endswith(" 3")
    modern = orders.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert modern.text.endswith("# EOF\n")


def test_metrics_of_the_process_stand_beside_those_of_the_mesh() -> None:
    class Sidecar(MeshView):
        def metrics(self) -> str:
            return "# HELP own_total Of its own\n# TYPE own_total counter\nown_total 3.0\n"

    with site({}, view=Sidecar) as made:
        assert "# TYPE own_total counter\nown_total 3.0\n" in made.get("/metrics").text
        modern = made.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"}).text
    assert modern.endswith("# HELP own Of its own\n# TYPE own counter\nown_total 3.0\n# EOF\n")
    assert modern.count("# EOF") == 1


def test_the_configuration_is_told_without_secrets() -> None:
    mesh = {
        "resolver": "consul://127.0.0.1:8500?token=tops3cret&dc=one",
        "mode": "on-demand",
    }
    with site({}, mesh=mesh) as made:
        response = made.get("/config")
    assert response.json()["schema"] == "meshclient.config_show/v1"
    settings = {setting["path"]: setting for setting in response.json()["settings"]}
    shown = settings["resolver"]["value"]
    assert shown.startswith("consul://")
    assert "127.0.0.1:8500" in shown
    assert "dc=one" in shown
    assert "tops3cret" not in response.text
    assert settings["resolver"]["origin"]["layer"] == "argument"


def test_circuits_and_stats(orders: Site) -> None:
    orders.call("quiet")
    orders.call("orders")
    circuits = {row["service"]: row for row in orders.json("/circuits")["circuits"]}
    assert (circuits["quiet"]["kind"], circuits["quiet"]["state"]) == ("circuit", "closed")
    assert (circuits["orders"]["kind"], circuits["orders"]["refused_ratio"]) == ("throttle", 0)
    stats = orders.json("/stats")
    assert stats["schema"] == "meshclient.stats/v1"
    assert stats["uptime_seconds"] > 0


def test_a_unix_socket_serves_the_same_and_needs_no_host(orders: Site, tmp_path: Path) -> None:
    path = tmp_path / "admin.sock"
    orders.listen_unix(path)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(20)
        sock.connect(str(path))
        sock.sendall(b"GET /live HTTP/1.1\r\nHost: whatever\r\nConnection: close\r\n\r\n")
        assert b'"live":true' in everything(sock)


@pytest.mark.parametrize(
    ("sent", "status", "error"),
    [
        ({"host": "evil.example"}, 421, "host_not_allowed"),
        ({"host": "localhost.evil.example:80"}, 421, "host_not_allowed"),
        ({"host": "a b"}, 400, "bad_request"),
        ({"sec-fetch-site": "cross-site"}, 403, "origin_not_allowed"),
    ],
)
def test_pages_of_others_are_kept_out(orders: Site, sent: Mapping[str, str], status: int, error: str) -> None:
    response = orders.get("/services", headers=dict(sent))
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["mesh-error"] == error
    assert response.json()["detail"]


def test_an_action_from_a_page_of_another_origin_is_refused(orders: Site) -> None:
    orders.call()
    for origin in ("http://evil.example", "null", f"http://127.0.0.1:{orders.port + 1}"):
        refused = orders.post("/isolate?service=orders", headers={"origin": origin})
        assert (refused.status_code, refused.headers["mesh-error"]) == (403, "origin_not_allowed")
    assert orders.json("/circuits")["circuits"][0]["state"] == "closed"
    assert orders.post("/isolate?service=orders", headers={"origin": orders.url}).status_code == 200


@pytest.mark.parametrize("path", ["/drain", "/eject", "/isolate", "/reset", "/loglevel"])
def test_actions_are_posts_only(orders: Site, path: str) -> None:
    for method in ("GET", "PUT", "DELETE", "OPTIONS"):
        refused = orders.http.request(method, orders.url + path)
        assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
        assert refused.headers["mesh-error"] == "method_not_allowed"


def test_what_is_read_is_not_posted_and_what_is_not_there_is_said(orders: Site) -> None:
    assert orders.post("/services").headers["allow"] == "GET, HEAD"
    missing = orders.get("/nothing")
    assert (missing.status_code, missing.headers["mesh-error"]) == (404, "not_found")
    assert "/services" in missing.json()["detail"]


def test_a_token_is_asked_for_where_there_is_one() -> None:
    with site({}, token=TOKEN, host="0.0.0.0") as made:
        for path in ("/services", "/metrics", "/config", "/events", "/nothing"):
            refused = made.get(path)
            assert (refused.status_code, refused.headers["mesh-error"]) == (401, "unauthorized")
            assert refused.headers["www-authenticate"].startswith("Bearer")
        assert made.post("/drain").status_code == 401
        for wrong in (f"Bearer {TOKEN}x", f"Basic {TOKEN}", f"Bearer {TOKEN[:-1]}"):
            assert made.get("/services", headers={"authorization": wrong}).status_code == 401
        assert made.get("/services", headers={"authorization": f"bearer {TOKEN}"}).status_code == 200
        # Probes know no token, and the page holds nothing before it has one.
        assert [made.get(path).status_code for path in ("/live", "/ready", "/")] == [200, 200, 200]


def test_nobody_listens_beyond_loopback_without_a_token() -> None:
    with site({}) as made, pytest.raises(meshclient.ConfigError, match="needs a token"):
        made.listen("0.0.0.0")


def test_a_token_that_can_be_guessed_is_none() -> None:
    with meshclient.Mesh() as mesh, pytest.raises(meshclient.ConfigError, match="16 visible"):
        Admin(MeshView(mesh), token="secret")
