"""Traffic policies and faults on purpose, from the configuration to the wire."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import meshclient
from meshclient.model.events import CanaryTripped
from unit.http.face import Face, face_fixture  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from pathlib import Path

    from meshclient.model.events import Event
    from servers.backend import Backend, Backends

POLICY = """
[services.orders.traffic]
split = {{ v1 = 80, v2 = 20 }}
sticky = "header:x-user"
routes = [{{ to = "v2", headers = {{ x-preview = "*" }} }}]
guard = {{ variant = "v2", alpha = 0.01 }}
mirror = {{ to = "orders-next", share = "100%" }}

[services.orders.traffic.variants.v2]
tags = ["v2"]

[services.orders-next]
endpoints = ["{shadow}"]
"""


def listed(backend: Backend, *tags: str) -> dict[str, Any]:
    return {"host": backend.host, "port": backend.port, "tags": list(tags)}


def client_of(face: Face, mesh: meshclient.Mesh) -> Any:
    return face.httpx(transport=face.transport(mesh))


def test_a_policy_from_a_file_divides_copies_and_guards(face: Face, backends: Backends, tmp_path: Path) -> None:
    old, shadow = backends(2)
    [new] = backends(1, status=500)
    file = tmp_path / "meshclient.toml"
    file.write_text(POLICY.format(shadow=shadow.url))
    events: list[Event] = []
    mesh = meshclient.Mesh.from_config(
        file, observers=[events.append], services={"orders": {"endpoints": [listed(old), listed(new, "v2")]}}
    )
    with mesh:
        client = client_of(face, mesh)
        preview = face.run(client.get("http://orders/", headers={"x-preview": "1"}))
        assert preview.status_code == 500
        for user in range(300):
            face.run(client.get("http://orders/", headers={"x-user": str(user)}))
            if any(isinstance(event, CanaryTripped) for event in events):
                break
        [tripped] = [event for event in events if isinstance(event, CanaryTripped)]
        assert (tripped.service, tripped.variant) == ("orders", "v2")
        after = Counter(
            face.run(client.get("http://orders/", headers={"x-user": str(user)})).json()["instance"]
            for user in range(50)
        )
        assert set(after) == {old.name}
        face.close(client)
        assert shadow.stats()["requests"] > 10


def test_faults_from_the_configuration_are_met_and_announced(
    face: Face, backends: Backends, caplog: pytest.LogCaptureFixture
) -> None:
    [backend] = backends(1)
    rule = {"share": "100%", "error": "disconnected", "headers": {"x-chaos": "*"}}
    with caplog.at_level(logging.WARNING, "meshclient"):
        client = face.orders(backend.url, service={"faults": [rule], "retry": False})
        assert face.run(client.get("http://orders/")).status_code == 200
    assert [r.getMessage()[:42] for r in caplog.records] == ["FAULT INJECTION IS ON for service orders: "]
    with pytest.raises(httpx.RemoteProtocolError, match="a fault that the configuration asks for"):
        face.run(client.get("http://orders/", headers={"x-chaos": "1"}))
    assert backend.stats()["requests"] == 1


def test_the_origin_of_each_value_is_known(tmp_path: Path) -> None:
    file = tmp_path / "meshclient.toml"
    file.write_text(POLICY.format(shadow="http://127.0.0.1:1"))
    with meshclient.Mesh.from_config(file, sets=["services.orders.traffic.split=v1=99, v2=1"]) as mesh:
        assert str(mesh.loaded.origin("services.orders.traffic.split")) == "argument --set"
        assert "meshclient.toml" in str(mesh.loaded.origin("services.orders.traffic.guard"))
        traffic = mesh.config.services["orders"].traffic
        assert traffic is not None
        assert dict(traffic.split) == {"v1": 99.0, "v2": 1.0}
        assert mesh.config.services["orders-next"].traffic is None
    with meshclient.Mesh.from_config(file, sets=["services.orders.traffic=off"]) as mesh:
        assert mesh.config.services["orders"].traffic is None
