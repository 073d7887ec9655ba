"""What a configuration may say of health checks."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshclient.config.loaded import load
from meshclient.config.policy_shape import HealthConfig
from meshclient.errors import ConfigError

NOWHERE = Path("/nonexistent")


def health(value: object, **environ: str) -> HealthConfig | None:
    services = {"orders": {"health": value}} if value is not None else {"orders": {"retry": True}}
    loaded = load(environ=environ, cwd=NOWHERE, arguments={"services": services})
    return loaded.config.services["orders"].health


def test_there_are_none_unless_asked_for() -> None:
    assert health(None) is None
    assert health(False) is None
    assert health(True) == HealthConfig(path="/healthz", tcp=False, interval=10.0, timeout=1.0, healthy=2, unhealthy=3)


def test_a_table_switches_them_on_and_a_variable_too() -> None:
    table = {"path": "/live?deep=1", "interval": "5s", "timeout": "500ms", "unhealthy": 2, "jitter": "20%"}
    assert health(table) == HealthConfig(path="/live?deep=1", interval=5.0, timeout=0.5, unhealthy=2, jitter=0.2)
    made = health(None, MESHCLIENT_SERVICES__ORDERS__HEALTH__TCP="yes")
    assert made is not None
    assert made.tcp


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"path": "healthz"}, "'healthz' is not a path on the endpoint: write one such as '/healthz'"),
        ({"path": "/a b"}, "'/a b' is not a path on the endpoint"),
        ({"path": "/a#b"}, "'/a#b' is not a path on the endpoint"),
        ({"path": 1}, "1 is not a path on the endpoint"),
        ({"timeout": "11s"}, "timeout 11s is longer than interval 10s: lower timeout or raise interval"),
        ({"interval": 0}, "0 leaves no time at all"),
        ({"healthy": 0}, "write a whole number of at least 1"),
        ({"jitter": 1.5}, "1.5 is out of place"),
    ],
)
def test_what_makes_no_sense_is_refused(value: object, words: str) -> None:
    with pytest.raises(ConfigError) as raised:
        health(value)
    assert words in str(raised.value)
    assert str(raised.value).startswith("services.orders.health")
