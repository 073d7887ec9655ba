"""The settings of telemetry: how they are written, where they come from, and what they refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshclient.config.environment import variables
from meshclient.config.loaded import Loaded, load
from meshclient.config.shape import TelemetryConfig
from meshclient.errors import ConfigError


def given(arguments: dict[str, object] | None = None, *, sets: tuple[str, ...] = (), **environ: str) -> Loaded:
    return load(environ=environ, cwd=Path("/"), arguments=arguments or {}, sets=sets)


def test_metrics_are_on_unless_said_otherwise() -> None:
    assert given().config.telemetry == TelemetryConfig(metrics=True)


@pytest.mark.parametrize("word", ["off", "false", "no"])
def test_off_by_any_source(word: str, tmp_path: Path) -> None:
    off = TelemetryConfig(metrics=False)
    assert given({"telemetry": {"metrics": False}}).config.telemetry == off
    assert given(MESHCLIENT_TELEMETRY__METRICS=word).config.telemetry == off
    assert given(sets=(f"telemetry.metrics={word}",)).config.telemetry == off
    path = tmp_path / "meshclient.toml"
    path.write_text("[telemetry]\nmetrics = false\n")
    loaded = load(environ={}, cwd=tmp_path, path=path)
    assert loaded.config.telemetry == off
    assert str(loaded.origin("telemetry.metrics")) == "file meshclient.toml"
    assert variables(())["MESHCLIENT_TELEMETRY__METRICS"] == [("telemetry", "metrics")]


def test_the_stronger_source_wins() -> None:
    loaded = given(
        {"telemetry": {"metrics": False}}, sets=("telemetry.metrics=on",), MESHCLIENT_TELEMETRY__METRICS="off"
    )
    assert loaded.config.telemetry == TelemetryConfig(metrics=True)
    assert str(loaded.origin("telemetry.metrics")) == "argument --set"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"telemetry": {"metrics": 1}}, "telemetry.metrics (argument): 1 is not a switch: write true or false"),
        ({"telemetry": {"metrics": "off"}}, "telemetry.metrics (argument): 'off' is not a switch: write true or false"),
        ({"telemetry": {"metric": True}}, "telemetry.metric (argument): unknown key. Did you mean 'metrics'?"),
        ({"telemetry": False}, "telemetry (argument): false is not a table: write a table of named values"),
    ],
)
def test_mistakes_are_named(arguments: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        given(arguments)
    assert said in str(caught.value)
