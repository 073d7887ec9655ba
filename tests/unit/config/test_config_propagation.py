"""What a configuration may say of traces that are handed on."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from meshclient.config.loaded import load
from meshclient.config.shape import MeshConfig
from meshclient.errors import ConfigError

NOWHERE = Path("/nonexistent")


def config(text: str = "", *sets: str, **environ: str) -> MeshConfig:
    return load(environ=environ, cwd=NOWHERE, arguments=tomllib.loads(text), sets=sets).config


def test_w3c_and_x_ray_are_written_unless_said_otherwise_and_only_to_services() -> None:
    assert config().defaults.propagators == ("tracecontext", "xray")
    assert config().propagate_passthrough is False


def test_a_service_has_its_own_or_those_of_the_defaults() -> None:
    text = "[defaults]\npropagators = ['b3']\n[services.a]\n[services.b]\npropagators = ['tracecontext', 'baggage']"
    services = config(text).services
    assert services["a"].propagators == ("b3",)
    assert services["b"].propagators == ("tracecontext", "baggage")


@pytest.mark.parametrize("word", ["[]", "false"])
def test_none_are_written_where_the_list_is_empty(word: str) -> None:
    assert config(f"[defaults]\npropagators = {word}").defaults.propagators == ()
    assert config("", f"defaults.propagators={word}").defaults.propagators == ()
    assert config(MESHCLIENT_DEFAULTS__PROPAGATORS=word).defaults.propagators == ()


def test_names_are_listed_in_a_variable_with_commas_and_once() -> None:
    names = "xray, b3multi ,request-id,xray"
    assert config(MESHCLIENT_DEFAULTS__PROPAGATORS=names).defaults.propagators == ("xray", "b3multi", "request-id")


def test_hosts_that_are_no_service_by_any_source() -> None:
    assert config("propagate_passthrough = true").propagate_passthrough
    assert config("", "propagate_passthrough=on").propagate_passthrough
    assert config(MESHCLIENT_PROPAGATE_PASSTHROUGH="yes").propagate_passthrough


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "[defaults]\npropagators = 'xray'",
            "defaults.propagators (argument): 'xray' is not a list: write some of tracecontext, baggage, xray",
        ),
        ("[defaults]\npropagators = ['x-ray']", "'x-ray' is no way of writing a trace down. Did you mean 'xray'?"),
        ("[defaults]\npropagators = ['W3C']", "Did you mean 'tracecontext'? Known here: tracecontext, baggage"),
        ("[defaults]\npropagators = ['b3-multi']", "Did you mean 'b3multi'?"),
        ("[defaults]\npropagators = ['zzz', 'xray']", "'zzz' is no way of writing a trace down. Known here: "),
        ("[defaults]\npropagators = [7]", "7 is no way of writing a trace down"),
        ("[defaults]\npropagators = true", "true is not a list"),
        ("[services.a]\npropagators = {}", "services.a.propagators (argument): {} is not a list"),
        ("propagate_passthrough = 'yes'", "propagate_passthrough (argument): 'yes' is not a switch"),
        ("[services.a]\npropagate_passthrough = true", "unknown key. Did you mean 'propagate_passthrough'?"),
    ],
)
def test_what_makes_no_sense_is_refused(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as raised:
        config(text)
    assert words in str(raised.value)
