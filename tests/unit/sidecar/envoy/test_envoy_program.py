"""Which Envoy is run, and at which port."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from meshclient.config.sidecar_shape import SidecarConfig
from meshclient.errors import ConfigError, PluginNotFound
from meshclient.sidecar.envoy import program
from meshclient.sidecar.envoy.ads.server import AdsServer
from meshclient.sidecar.envoy.program import find_program
from meshclient.sidecar.envoy.reservation import Reservation
from meshclient.sidecar.envoy.resources import Resources


def executable(path: Path) -> str:
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def test_what_is_given_comes_first(tmp_path: Path) -> None:
    one, other = executable(tmp_path / "one"), executable(tmp_path / "other")
    assert find_program(one, {"MESHCLIENT_ENVOY": other}) == one
    assert find_program("", {"MESHCLIENT_ENVOY": other}) == other


def test_then_that_of_the_wheel_and_then_the_one_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {"PATH": str(tmp_path)}
    on_path = executable(tmp_path / "envoy")
    monkeypatch.setattr(program, "_in_wheel", lambda: "/wheel/envoy")
    assert find_program("", environ) == "/wheel/envoy"
    monkeypatch.setattr(program, "_in_wheel", lambda: None)
    assert find_program("", environ) == on_path
    Path(on_path).unlink()
    with pytest.raises(ConfigError, match=r"pip install 'meshclient\[envoy\]'"):
        find_program("", environ)


def test_what_cannot_be_run_is_an_error(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(ConfigError, match=f"MESHCLIENT_ENVOY={path} is no program"):
            find_program("", {"MESHCLIENT_ENVOY": str(path)})


def test_a_port_of_the_kernels_choice_stays_the_same() -> None:
    reservation = Reservation()
    try:
        settings = SidecarConfig(outbound="127.0.0.1:0", admin="")
        first = reservation.settled(settings).outbound
        assert reservation.settled(settings).outbound == first != settings.outbound
        # Envoy can listen there, and without it nobody does.
        port = int(first.rpartition(":")[2])
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        with socket.socket() as listening:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            listening.bind(("127.0.0.1", port))
            listening.listen()
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
    finally:
        reservation.release()


def test_what_is_configured_is_left_alone() -> None:
    reservation = Reservation()
    for outbound in ("127.0.0.1:7140", "unix:/run/mesh.sock"):
        assert reservation.settled(SidecarConfig(outbound=outbound)).outbound == outbound


@pytest.mark.parametrize("module", ["envoy.config.cluster.v3.cluster_pb2", "grpc.aio"])
def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(PluginNotFound, match=r"pip install 'meshclient\[xds\]'"):
        AdsServer(lambda _zone: Resources())
