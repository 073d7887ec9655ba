"""From an instance's registration to a call that reaches it, through the public interface alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import meshclient

if TYPE_CHECKING:
    from cloudmap.conftest import Space

    from servers.backend import Backends

pytestmark = pytest.mark.registry("cloudmap", "resolve", "register", "deregister")


def test_a_registered_instance_is_called(space: Space, backends: Backends) -> None:
    first, second = backends(2)
    uri = space.uri()
    text = f"cloudmap://{uri.authority}?interval=50ms&create=on&endpoint_url={uri.options['endpoint_url']}"
    with meshclient.Mesh(resolver=text) as mesh, meshclient.Client(mesh=mesh) as http:
        with (
            mesh.register("orders", host="127.0.0.1", port=first.port),
            mesh.register("orders", host="127.0.0.1", port=second.port),
        ):
            assert len(space.listed("orders")) == 2
            answer = http.get("http://orders/")
            assert answer.status_code == 200
        assert not space.listed("orders")
