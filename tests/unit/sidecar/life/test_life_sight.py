"""What a sidecar says of itself where Envoy carries the calls."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from meshclient import Mesh
from meshclient.config.sidecar_shape import SidecarConfig
from meshclient.sidecar.admin import NotOffered
from meshclient.sidecar.sight import Sight


def sight(envoy: object) -> Sight:
    sidecar: Any = SimpleNamespace(
        serving=True, draining=False, entrance=None, envoy=envoy, settings=SidecarConfig(), mesh=Mesh()
    )
    return Sight(sidecar, leave=pytest.fail, number=None)


def test_it_is_ready_while_envoy_runs() -> None:
    assert sight(None).ready()
    assert sight(SimpleNamespace(stats=lambda: {"pid": 7})).ready()
    assert not sight(SimpleNamespace(stats=lambda: {"pid": None})).ready()


def test_what_envoy_does_not_hear_of_is_not_offered() -> None:
    sight(None).interfere()
    with pytest.raises(NotOffered, match="Envoy carries the calls here"):
        sight(SimpleNamespace()).interfere()
