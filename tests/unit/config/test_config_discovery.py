"""The settings of discovery: how they are written, where they come from, and what they refuse."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from meshclient.config.environment import variables
from meshclient.config.loaded import load
from meshclient.config.shape import DiscoveryConfig, MeshConfig
from meshclient.errors import ConfigError


def config(arguments: dict[str, object] | None = None, *, sets: tuple[str, ...] = (), **environ: str) -> MeshConfig:
    return load(environ=environ, cwd=Path("/"), arguments=arguments or {}, sets=sets).config


def test_a_minute_ten_minutes_and_no_folder_unless_said_otherwise() -> None:
    assert config() == MeshConfig(state_dir="", discovery=DiscoveryConfig(hold=60.0, idle=600.0))


def test_from_arguments() -> None:
    found = config({"state_dir": PurePosixPath("/var/lib/mesh"), "discovery": {"hold": False, "idle": "90s"}})
    assert found.state_dir == "/var/lib/mesh"
    assert found.discovery == DiscoveryConfig(hold=None, idle=90.0)


def test_from_variables() -> None:
    found = config(MESHCLIENT_STATE_DIR="~/state", MESHCLIENT_DISCOVERY__HOLD="off", MESHCLIENT_DISCOVERY__IDLE="1h")
    assert found.state_dir == "~/state"
    assert found.discovery == DiscoveryConfig(hold=None, idle=3600.0)
    assert variables(())["MESHCLIENT_DISCOVERY__HOLD"] == [("discovery", "hold")]


def test_from_the_command_line_and_a_file_the_stronger_first(tmp_path: Path) -> None:
    path = tmp_path / "meshclient.toml"
    path.write_text('state_dir = "state"\n[discovery]\nhold = "30s"\nidle = false\n')
    loaded = load(environ={}, cwd=tmp_path, path=path, sets=["discovery.hold=2m"])
    assert loaded.config.state_dir == "state"
    assert loaded.config.discovery == DiscoveryConfig(hold=120.0, idle=None)
    values = {setting.path: setting.value for setting in loaded.settings}
    assert (values["state_dir"], values["discovery.hold"], values["discovery.idle"]) == ("state", "2m", False)
    assert str(loaded.origin("discovery.hold")) == "argument --set"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"discovery": {"hold": 0}},
            "discovery.hold (argument): 0 leaves no time at all: write a duration above zero, ",
        ),
        ({"discovery": {"idle": "soon"}}, "discovery.idle (argument): 'soon' is not a duration: write seconds"),
        ({"discovery": {"idle": "soon"}}, "or text like '250ms', '2s', '5m', or false for never"),
        ({"discovery": False}, "discovery (argument): false is not a table: write a table of named values"),
        ({"discovery": {"holt": 1}}, "discovery.holt (argument): unknown key. Did you mean 'hold'?"),
        ({"state_dir": 5}, "state_dir (argument): 5 is not text: write it in quotes"),
        ({"state_dir": "a\0b"}, "a path has no zero bytes"),
    ],
)
def test_mistakes_are_named(given: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config(given)
    assert said in str(caught.value)
