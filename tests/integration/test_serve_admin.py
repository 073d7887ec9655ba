"""A process that uses the library is looked at while it runs, over real sockets."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
import stat
from pathlib import Path

import pytest

import meshclient
from integration.admin_asking import BOUND, ask, events
from meshclient.cli.invocation import Invocation
from meshclient.config.loaded import load
from meshclient.sidecar.meshes import mesh_of
from meshclient.sidecar.place import siblings
from servers.process import wait_until

TOKEN = "f3a1c0ffee5badc0de" * 2
# Nobody listens there, and nothing here is sent.
SERVICES = {"orders": {"endpoints": ["http://127.0.0.1:1"]}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "mesh.sock"


def gone(path: Path) -> bool:
    return not path.exists()


def configured(mesh: meshclient.Mesh) -> str:
    """Where the mesh is administered by its configuration, once it is."""
    return wait_until(lambda: next((each.address for each in mesh._inspection.open), ""), BOUND, "administration")


def test_a_mesh_is_served_for_a_block(path: Path) -> None:
    with meshclient.Mesh(services=SERVICES) as mesh:
        mesh.service("orders")
        with mesh.serve_admin(f"unix:{path}") as admin:
            assert admin.address == f"unix:{path}"
            assert stat.S_IMODE(path.lstat().st_mode) == 0o600
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
            document = ask(admin.address).json()
            assert document["pid"] == os.getpid()
            assert [each["service"] for each in document["services"]] == ["orders"]
        assert admin.address == ""
        assert not path.exists()
        with socket.socket(socket.AF_UNIX) as sock, pytest.raises(FileNotFoundError):
            sock.connect(str(path))


def test_it_lasts_until_its_mesh_is_closed_and_may_begin_again(path: Path) -> None:
    mesh = meshclient.Mesh(services=SERVICES)
    mesh.serve_admin(f"unix:{path}")
    mesh.serve_admin("127.0.0.1:0")
    assert len(list(path.parent.iterdir())) == 1
    mesh.close()
    assert not path.exists()
    with mesh, mesh.serve_admin(f"unix:{path}") as admin:
        assert ask(admin.address, "/live").status_code == 200
    assert not path.exists()


def test_nothing_of_it_runs_on_the_loop_of_the_program(path: Path) -> None:
    async def program() -> None:
        async with meshclient.Mesh(services=SERVICES) as mesh, mesh.serve_admin(f"unix:{path}") as admin:
            # This loop stands still meanwhile.
            assert ask(admin.address, "/live").json()["live"] is True
        assert gone(path)

    asyncio.run(program())


def test_an_address_that_is_taken_is_an_error_of_the_call(path: Path) -> None:
    with meshclient.Mesh(services=SERVICES) as mesh, meshclient.Mesh(services=SERVICES) as other:
        admin = mesh.serve_admin(f"unix:{path}")
        with pytest.raises(meshclient.ConfigError, match=r"mesh\.sock: address already in use; .*\{pid\}"):
            other.serve_admin(f"unix:{path}")
        tcp = mesh.serve_admin("127.0.0.1:0")
        with pytest.raises(meshclient.ConfigError, match="address already in use; stop what listens there"):
            other.serve_admin(tcp.address)
        own = other.serve_admin(f"unix:{path.with_name('mesh.{pid}.sock')}")
        assert own.address == f"unix:{path.with_name(f'mesh.{os.getpid()}.sock')}"
        for each in (admin, tcp, own):
            assert ask(each.address, "/live").status_code == 200


def test_what_is_no_socket_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("precious")
    with meshclient.Mesh(services=SERVICES) as mesh:
        with pytest.raises(meshclient.ConfigError, match="file of another kind, which is left alone; remove the file"):
            mesh.serve_admin(f"unix:{path}")
        with pytest.raises(meshclient.ConfigError, match="make the folder that it is to be in"):
            mesh.serve_admin(f"unix:{path.parent}/none/of/mesh.sock")
        with pytest.raises(meshclient.ConfigError, match="in the name of the socket only"):
            mesh.serve_admin(f"unix:{path.parent}/{{pid}}/mesh.sock")
        with pytest.raises(meshclient.ConfigError, match="is not an address to listen at"):
            mesh.serve_admin("mesh.sock")
    assert path.read_text() == "precious"


def test_sockets_of_processes_that_were_killed_are_cleared_away(path: Path) -> None:
    path.parent.mkdir()
    left = [path, path.with_name("mesh.4711.sock"), path.with_name("mesh.4712-2.sock"), path.with_name("other.sock")]
    for each in left:
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(each))
    with meshclient.Mesh(services=SERVICES) as mesh, mesh.serve_admin(f"unix:{path}") as admin:
        assert ask(admin.address, "/live").status_code == 200
        assert sorted(each.name for each in path.parent.iterdir()) == ["mesh.sock", "other.sock"]


def test_beyond_loopback_there_is_a_token(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    with meshclient.Mesh(services=SERVICES) as mesh:
        with pytest.raises(meshclient.ConfigError, match="can be reached from other machines and needs a token"):
            mesh.serve_admin("0.0.0.0:0")
        with pytest.raises(meshclient.ConfigError, match="needs 16 visible"):
            mesh.serve_admin("127.0.0.1:0", token="short")
        admin = mesh.serve_admin("127.0.0.1:0", token=TOKEN)
        assert ask(admin.address).status_code == 401
        assert ask(admin.address, token=TOKEN).status_code == 200


def test_what_is_configured_begins_with_the_first_service(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = path.parent.parent / "token"
    file.write_text(f"{TOKEN}\n")
    monkeypatch.setenv("MESHCLIENT_ADMIN", f"unix:{path}")
    monkeypatch.setenv("MESHCLIENT_ADMIN_TOKEN_FILE", str(file))
    with meshclient.Mesh(services=SERVICES, mode="on-demand") as mesh:
        mesh.warm("orders")
        assert mesh._inspection.open == []
    with meshclient.Mesh(services=SERVICES) as mesh:
        assert mesh._inspection.open == []
        mesh.service("orders")
        address = configured(mesh)
        assert address == f"unix:{path}"
        assert ask(address).status_code == 401
        assert ask(address, token=TOKEN).json()["services"][0]["service"] == "orders"
        assert len(mesh._inspection.open) == 1
        # Another mesh of this process was given the same.
        with meshclient.Mesh(services=SERVICES) as other:
            other.service("orders")
            assert configured(other) == f"unix:{path.with_name(f'mesh.{os.getpid()}.sock')}"
            with meshclient.Mesh(services=SERVICES) as third:
                third.service("orders")
                assert configured(third) == f"unix:{path.with_name(f'mesh.{os.getpid()}-2.sock')}"
            assert len(siblings(str(path))) == 1
    assert list(path.parent.iterdir()) == []


def test_a_program_whose_address_is_taken_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with meshclient.Mesh(services=SERVICES) as first, first.serve_admin("127.0.0.1:0") as admin:
        monkeypatch.setenv("MESHCLIENT_ADMIN", admin.address)
        with caplog.at_level(logging.WARNING, "meshclient"), meshclient.Mesh(services=SERVICES) as mesh:
            mesh.service("orders")
            told = wait_until(
                lambda: [each for each in caplog.messages if "without administration" in each], BOUND, "the warning"
            )
            assert f"cannot listen at {admin.address}: address already in use" in told[0]
            assert mesh.warm("orders")["orders"].state == "ready"
        monkeypatch.setenv("MESHCLIENT_ADMIN", "0.0.0.0:0")
        caplog.clear()
        with caplog.at_level(logging.WARNING, "meshclient"), meshclient.Mesh(services=SERVICES) as mesh:
            mesh.service("orders")
            wait_until(lambda: "needs a token" in caplog.text, BOUND, "the warning")
        monkeypatch.setenv("MESHCLIENT_ADMIN_TOKEN_FILE", "/nowhere")
        with caplog.at_level(logging.WARNING, "meshclient"), meshclient.Mesh(services=SERVICES) as mesh:
            mesh.service("orders")
            wait_until(lambda: "admin_token_file /nowhere cannot be read" in caplog.text, BOUND, "the warning")


def test_only_the_program_itself_is_served(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESHCLIENT_ADMIN", f"unix:{path}")
    # A command of ours asks others, and a sidecar has administration of its own.
    loaded = load(environ=os.environ, cwd=path.parent.parent, arguments={"services": SERVICES})
    assert loaded.config.admin
    for mesh in (Invocation(resolver="static://127.0.0.1:1").mesh("background"), mesh_of(loaded)):
        with mesh:
            mesh.service("orders")
            assert mesh._inspection.open == []


def test_a_mesh_that_is_dropped_takes_it_with_it(path: Path) -> None:
    mesh = meshclient.Mesh(services=SERVICES)
    admin = mesh.serve_admin(f"unix:{path}")
    mesh.service("orders")
    assert ask(admin.address, "/endpoints").status_code == 200
    with events(path) as parts:
        assert "retry" in next(parts)
        del mesh
        gc.collect()
        for _ in parts:
            pass
    assert not path.exists()
    admin.close()


def test_closing_is_for_those_on_trio_too(path: Path) -> None:
    import trio

    async def program() -> None:
        async with meshclient.Mesh(services=SERVICES) as mesh:
            async with mesh.serve_admin(f"unix:{path}"):
                assert not gone(path)
            assert gone(path)
            mesh.serve_admin(f"unix:{path}")
        assert gone(path)

    trio.run(program)
