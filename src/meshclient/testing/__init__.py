"""What tests of meshclient, of its plugins and of programs that use it are made of. Nothing here is needed to run."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshclient.testing.clock import ManualClock
    from meshclient.testing.fake_endpoint import FakeEndpoint
    from meshclient.testing.fake_mesh import FakeMesh
    from meshclient.testing.fake_resolver import FakeResolver
    from meshclient.testing.resolver_contract import ResolverContract

__all__ = ["FakeEndpoint", "FakeMesh", "FakeResolver", "ManualClock", "ResolverContract"]

_HOMES = {
    "FakeEndpoint": "meshclient.testing.fake_endpoint",
    "FakeMesh": "meshclient.testing.fake_mesh",
    "FakeResolver": "meshclient.testing.fake_resolver",
    "ManualClock": "meshclient.testing.clock",
    "ResolverContract": "meshclient.testing.resolver_contract",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(_HOMES[name]), name)
