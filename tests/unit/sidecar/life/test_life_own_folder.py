"""The folder for sockets between processes is this user's alone."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from meshclient.errors import ConfigError
from meshclient.sidecar.own_folder import own_socket


def test_it_is_made_for_the_user_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(prefix="mc") as short:
        monkeypatch.setenv("XDG_RUNTIME_DIR", short)
        path = own_socket("a.sock")
        assert path == Path(short, "meshclient", "a.sock")
        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert own_socket("a.sock") == path


def test_one_that_others_may_write_to_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(prefix="mc") as short:
        monkeypatch.setenv("XDG_RUNTIME_DIR", short)
        own_socket("a.sock").parent.chmod(0o777)
        with pytest.raises(ConfigError, match="others may write to it"):
            own_socket("a.sock")
        Path(short, "meshclient").rmdir()
        Path(short, "meshclient").symlink_to(short)
        with pytest.raises(ConfigError, match="belongs to somebody else"):
            own_socket("a.sock")


def test_one_whose_path_is_too_long_for_a_socket_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))
    assert not own_socket("a.sock").is_relative_to(long)
