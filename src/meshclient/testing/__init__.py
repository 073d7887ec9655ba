"""What tests of meshclient, of its plugins and of programs that use it are made of. Nothing here is needed to run."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshclient.testing.chaos_block import chaos
    from meshclient.testing.clock import ManualClock
    from meshclient.testing.fake_endpoint import FakeEndpoint
    from meshclient.testing.fake_mesh import FakeMesh
    from meshclient.testing.fake_resolver import FakeResolver
    from meshclient.testing.mesh_events import MeshEvents
    from meshclient.testing.misbehaving_server import MisbehavingServer
    from meshclient.testing.resolver_contract import ResolverContract
    from meshclient.testing.respx_route import route
    from meshclient.testing.waits import disable_waits

__all__ = [
    "FakeEndpoint",
    "FakeMesh",
    "FakeResolver",
    "ManualClock",
    "MeshEvents",
    "MisbehavingServer",
    "ResolverContract",
    "chaos",
    "disable_waits",
    "route",
]

_HOMES = {
    "FakeEndpoint": "meshclient.testing.fake_endpoint",
    "FakeMesh": "meshclient.testing.fake_mesh",
    "FakeResolver": "meshclient.testing.fake_resolver",
    "ManualClock": "meshclient.testing.clock",
    "MeshEvents": "meshclient.testing.mesh_events",
    "MisbehavingServer": "meshclient.testing.misbehaving_server",
    "ResolverContract": "meshclient.testing.resolver_contract",
    "chaos": "meshclient.testing.chaos_block",
    "disable_waits": "meshclient.testing.waits",
    "route": "meshclient.testing.respx_route",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(_HOMES[name]), name)
