"""The settings of telemetry: how they are written, where they come from, and what they refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshclient.config.environment import variables
from meshclient.config.loaded import Loaded, load
from meshclient.config.shape import EmfConfig, TelemetryConfig
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


def test_spans_of_attempts_nothing_decided_for_new_traces_and_no_metrics_on_the_standard_output() -> None:
    config = given().config.telemetry
    assert (config.spans, config.new_traces, config.peer_service, config.emf) == ("attempts", "undecided", False, None)


def test_spans_and_new_traces_are_words() -> None:
    config = given({"telemetry": {"spans": "calls", "new_traces": "sampled"}}).config.telemetry
    assert (config.spans, config.new_traces) == ("calls", "sampled")
    off = given({"telemetry": {"spans": False}}, MESHCLIENT_TELEMETRY__NEW_TRACES="off").config.telemetry
    assert (off.spans, off.new_traces) == ("none", "none")
    spelled = given(sets=("telemetry.spans=none", "telemetry.new_traces=undecided", "telemetry.peer_service=yes"))
    assert spelled.config.telemetry == TelemetryConfig(spans="none", peer_service=True)


def test_attributes_of_spans_are_a_list_of_those_that_are_known() -> None:
    names = ("url.scheme", "http.request.header.x-tenant")
    assert given({"telemetry": {"span_attributes": list(names)}}).config.telemetry.span_attributes == names
    assert given(MESHCLIENT_TELEMETRY__SPAN_ATTRIBUTES=",".join(names)).config.telemetry.span_attributes == names
    assert given({"telemetry": {"span_attributes": []}}).config.telemetry.span_attributes == ()


def test_the_embedded_metric_format_is_a_switch_or_a_table() -> None:
    assert given({"telemetry": {"emf": True}}).config.telemetry.emf == EmfConfig(60.0, "meshclient")
    assert given(MESHCLIENT_TELEMETRY__EMF="on").config.telemetry.emf == EmfConfig()
    table = {"interval": "10s", "namespace": "shop/web"}
    assert given({"telemetry": {"emf": table}}).config.telemetry.emf == EmfConfig(10.0, "shop/web")
    assert given({"telemetry": {"emf": table}}, sets=("telemetry.emf=off",)).config.telemetry.emf is None
    assert given(sets=("telemetry.emf.namespace=shop",)).config.telemetry.emf == EmfConfig(namespace="shop")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"telemetry": {"metrics": 1}}, "telemetry.metrics (argument): 1 is not a switch: write true or false"),
        ({"telemetry": {"metrics": "off"}}, "telemetry.metrics (argument): 'off' is not a switch: write true or false"),
        ({"telemetry": {"metric": True}}, "telemetry.metric (argument): unknown key. Did you mean 'metrics'?"),
        (
            {"telemetry": {"spans": "attempt"}},
            "telemetry.spans (argument): 'attempt' is unknown: write attempts, calls or none",
        ),
        ({"telemetry": {"spans": True}}, "true is unknown: write attempts, calls or none"),
        ({"telemetry": {"spans": ["calls"]}}, "['calls'] is unknown"),
        ({"telemetry": {"new_traces": "no"}}, "'no' is unknown: write undecided, sampled or none"),
        ({"telemetry": {"span_attributes": "url.scheme"}}, "'url.scheme' is not a list: write some of url.scheme, "),
        ({"telemetry": {"span_attributes": ["url.schema"]}}, "Did you mean 'url.scheme'? Known here: url.scheme, "),
        ({"telemetry": {"span_attributes": ["http.request.header.X-A"]}}, "is no attribute to choose. Known here: "),
        ({"telemetry": {"span_attributes": ["http.request.header.cookie"]}}, "; no secrets"),
        ({"telemetry": {"emf": {"interval": 0}}}, "telemetry.emf.interval (argument): 0 leaves no time at all"),
        ({"telemetry": {"emf": {"namespace": "AWS/x"}}}, "'AWS/x' is not a namespace of CloudWatch"),
        ({"telemetry": {"emf": {"namespace": ""}}}, "'' is not a namespace of CloudWatch: write 1 to 255 letters"),
        ({"telemetry": {"emf": {"namespace": 3}}}, "3 is not a namespace of CloudWatch"),
        ({"telemetry": {"emf": "stdout"}}, "'stdout' is not a table: write a table, or false for off"),
        ({"telemetry": False}, "telemetry (argument): false is not a table: write a table of named values"),
    ],
)
def test_mistakes_are_named(arguments: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        given(arguments)
    assert said in str(caught.value)
