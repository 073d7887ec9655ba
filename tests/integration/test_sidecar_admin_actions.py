"""What administration does to a real mesh, seen in where its calls go."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest

from integration.admin_site import (  # noqa: F401 - fixtures
    Site,
    site,
    started_backends_fixture,
    two_backends_fixture,
)
from meshclient.sidecar.admin import MeshView, NotOffered
from servers.process import wait_until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator

    from servers.backend import Backend


def requests(backend: Backend) -> int:
    return int(backend.stats()["requests"])


@pytest.fixture
def pair(two_backends: list[Backend]) -> Iterator[tuple[Site, Backend, Backend]]:
    both = two_backends
    services: dict[str, object] = {
        "orders": {"endpoints": [backend.url for backend in both]},
        "guarded": {"endpoints": [both[0].url], "circuit": True},
        "stubborn": {"endpoints": [both[0].url], "ejection": False},
    }
    with site(services) as made:
        yield made, both[0], both[1]


def states(made: Site, service: str = "orders") -> dict[int, str]:
    return {row["port"]: row["state"] for row in made.json(f"/endpoints?service={service}")["endpoints"]}


def test_an_ejected_endpoint_gets_no_calls_until_it_is_reset(pair: tuple[Site, Backend, Backend]) -> None:
    made, out, other = pair
    made.call(times=10)
    done = made.post("/eject", json={"service": "orders", "endpoint": f"127.0.0.1:{out.port}", "for": "10m"})
    assert done.status_code == 200
    assert done.json()["schema"] == "meshclient.action/v1"
    assert done.json()["words"] == f"ejected 127.0.0.1:{out.port} of orders, probe in 10m"
    assert done.json()["panic"] is False
    before = requests(out), requests(other)
    made.call(times=20)
    assert (requests(out), requests(other)) == (before[0], before[1] + 20)
    assert states(made) == {out.port: "ejected", other.port: "in_rotation"}
    assert 'meshclient_endpoint_state="ejected"} 1' in made.get("/metrics").text

    back = made.post(f"/reset?service=orders&endpoint={out.url}").json()
    assert back["endpoints"] == [f"127.0.0.1:{out.port}"]
    made.call(times=60)
    assert requests(out) > before[0]
    assert states(made) == {out.port: "in_rotation", other.port: "in_rotation"}


def test_an_ejection_ends_with_one_probe(pair: tuple[Site, Backend, Backend]) -> None:
    made, out, other = pair
    made.call(times=4)
    assert made.post(f"/eject?service=orders&endpoint={out.url}&for=50ms").status_code == 200

    def returned() -> bool:
        made.call()
        return states(made) == {out.port: "in_rotation", other.port: "in_rotation"}

    wait_until(returned, 20, "the probe brings it back")


def test_too_many_ejections_fail_open_and_are_said_to(pair: tuple[Site, Backend, Backend]) -> None:
    made, first, second = pair
    made.call()
    made.post(f"/eject?service=orders&endpoint={first.url}")
    last = made.post(f"/eject?service=orders&endpoint={second.url}").json()
    assert last["panic"] is True
    assert "so all are used" in last["words"]
    before = requests(first) + requests(second)
    made.call(times=5)
    assert requests(first) + requests(second) == before + 5
    assert made.post("/reset?service=orders").json()["endpoints"] != []
    assert set(states(made).values()) == {"in_rotation"}


@pytest.mark.parametrize(("service", "kind"), [("orders", "throttle"), ("guarded", "circuit")])
def test_an_isolated_service_is_not_called_until_it_is_reset(
    pair: tuple[Site, Backend, Backend], service: str, kind: str
) -> None:
    made, first, second = pair
    made.call(service)
    before = requests(first) + requests(second)
    assert made.post(f"/isolate?service={service}").status_code == 200
    assert made.post(f"/isolate?service={service}").status_code == 200
    made.call(service, times=5)
    assert requests(first) + requests(second) == before
    [row] = made.json("/circuits")["circuits"]
    assert (row["kind"], row["state"], row["refused_ratio"]) == (kind, "isolated", 1)
    assert "isolated" in row["reason"]

    reset = made.post(f"/reset?service={service}").json()
    assert reset["circuit"] is True
    made.call(service, times=5)
    assert requests(first) + requests(second) == before + 5
    assert made.json("/circuits")["circuits"][0]["state"] == "closed"
    assert made.post(f"/reset?service={service}").json()["words"] == "nothing was out"


def test_a_reset_forgets_what_a_throttle_holds_against_a_service(two_backends: list[Backend]) -> None:
    failing, _ = two_backends
    failing.control(status=500)
    with site({"orders": {"endpoints": [failing.url], "retry": False}}) as made:
        made.call(times=60)
        [row] = made.json("/circuits")["circuits"]
        assert row["state"] == "throttling"
        assert 0 < row["refused_ratio"] <= 0.9
        assert "of its last" in row["reason"]
        assert made.post("/reset?service=orders").json()["circuit"] is True
        assert made.json("/circuits")["circuits"][0]["state"] == "closed"


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("/eject", 400, "bad_request"),
        ("/eject?service=orders", 400, "bad_request"),
        ("/eject?service=unknown&endpoint=127.0.0.1:1", 404, "service_not_found"),
        ("/eject?service=orders&endpoint=127.0.0.1:1", 404, "endpoint_not_found"),
        ("/eject?service=orders&endpoint=HERE&for=soon", 400, "bad_request"),
        ("/eject?service=orders&endpoint=HERE&for=0s", 400, "bad_request"),
        ("/eject?service=stubborn&endpoint=HERE", 409, "not_offered"),
        ("/isolate?service=unknown", 404, "service_not_found"),
        ("/isolate?service=orders&service=guarded", 400, "bad_request"),
        ("/loglevel?level=loud", 400, "bad_request"),
        ("/loglevel?level=debug&logger=root", 400, "bad_request"),
        ("/loglevel?level=debug&logger=meshclient.call%0Aforged", 400, "bad_request"),
        ("/drain", 409, "not_offered"),
    ],
)
def test_what_cannot_be_done_is_said(pair: tuple[Site, Backend, Backend], path: str, status: int, error: str) -> None:
    made, first, _ = pair
    made.call("orders")
    made.call("stubborn")
    refused = made.post(path.replace("HERE", f"127.0.0.1:{first.port}"))
    assert (refused.status_code, refused.headers["mesh-error"]) == (status, error)
    assert refused.json()["status"] == status
    assert set(states(made).values()) == {"in_rotation"}


def test_an_address_that_several_have_is_told_apart_by_id(two_backends: list[Backend]) -> None:
    port = two_backends[0].port
    twins = [{"host": "127.0.0.1", "port": port, "id": name} for name in ("a", "b")]
    with site({"orders": {"endpoints": twins}}) as made:
        made.call()
        refused = made.post(f"/eject?service=orders&endpoint=127.0.0.1:{port}")
        assert (refused.status_code, refused.headers["mesh-error"]) == (409, "ambiguous_endpoint")
        assert "a, b" in refused.json()["detail"]
        assert made.post("/eject?service=orders&endpoint=b").status_code == 200
        parts = made.json("/endpoints?service=orders")["endpoints"]
        assert {part["id"]: part["state"] for part in parts} == {"a": "in_rotation", "b": "ejected"}


def test_arguments_are_json_or_nothing(pair: tuple[Site, Backend, Backend]) -> None:
    made, *_ = pair
    made.call()
    assert made.post("/isolate", data={"service": "orders"}).headers["mesh-error"] == "unsupported_media_type"
    kind = {"content-type": "application/json"}
    for body in ("[]", "{", '{"service": ["orders"]}', "[" * 5000):
        refused = made.post("/isolate", content=body, headers=kind)
        assert (refused.status_code, refused.headers["mesh-error"]) == (400, "bad_request"), body[:20]


def test_the_log_says_more_where_it_is_asked_to(pair: tuple[Site, Backend, Backend]) -> None:
    made, *_ = pair
    logger = logging.getLogger("meshclient.call")
    level = logger.level
    try:
        done = made.post("/loglevel", json={"logger": "meshclient.call", "level": "DEBUG"})
        assert done.json()["words"] == "meshclient.call logs from debug on"
        assert logger.level == logging.DEBUG
    finally:
        logger.setLevel(level)


def test_draining_begins_once_and_is_not_waited_for() -> None:
    begun: list[str] = []
    over = asyncio.Event()

    class Leaving(MeshView):
        def ready(self) -> bool:
            return not begun

        def drain(self) -> Awaitable[object]:
            begun.append("drain")
            return over.wait()

    with site({}, view=Leaving) as made:
        first = made.post("/drain")
        assert (first.status_code, first.json()["action"]) == (202, "drain")
        assert made.post("/drain").json()["words"] == "it drains already"
        assert begun == ["drain"]
        assert made.get("/ready").status_code == 503
        made.run(_set(over))


def test_a_drain_that_fails_is_logged_and_may_be_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    class Leaving(MeshView):
        async def drain(self) -> object:
            msg = "no way out"
            raise OSError(msg)

    with site({}, view=Leaving) as made:
        assert made.post("/drain").status_code == 202
        wait_until(lambda: "no way out" in caplog.text, 20, "the failure is logged")
        assert "what is under way ends" in made.post("/drain").json()["words"]


def test_nothing_is_taken_out_where_that_has_no_effect() -> None:
    class Onlooker(MeshView):
        def interfere(self) -> None:
            msg = "Envoy carries the calls here"
            raise NotOffered(msg)

    with site({"orders": {"endpoints": ["http://127.0.0.1:1"]}}, view=Onlooker) as made:
        for action in ("/eject?service=orders&endpoint=127.0.0.1:1", "/isolate?service=orders"):
            refused = made.post(action)
            assert (refused.status_code, refused.headers["mesh-error"]) == (409, "not_offered")
            assert "Envoy carries the calls here" in refused.text


async def _set(event: asyncio.Event) -> None:
    event.set()
