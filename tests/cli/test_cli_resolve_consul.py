"""What Consul has beside its list: told by ``--all``, by a suggestion, and by ``compare`` without names."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

import pytest

from cli.here import Here
from cli.schemas import assert_valid
from servers.consul import Consul

pytestmark = pytest.mark.skipif(
    not entry_points(group="meshclient.resolvers", name="consul"), reason="meshclient-consul is not installed"
)


@pytest.fixture
def here(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Here:
    return Here(tmp_path, capsys, monkeypatch)


def test_what_it_left_out(here: Here, consul: Consul, name: str) -> None:
    consul.register(name, 8001, instance=f"{name}-good")
    consul.register(name, 8002, instance=f"{name}-bad", check={"TTL": "60s", "Status": "critical"})
    consul.register(name, 8003, instance=f"{name}-out")
    consul.call("PUT", f"/v1/agent/service/maintenance/{name}-out?enable=true")
    consul.register(name, 0, instance=f"{name}-none")
    uri = f"consul://127.0.0.1:{consul.port}"

    ran = here("resolve", uri, name, "--all", "-o", "json")
    assert ran.code == 0, ran.err
    assert_valid(ran.document)
    assert [each["port"] for each in ran.document["endpoints"]] == [8001]
    excluded = {each["label"].strip("'").removeprefix(f"{name}-"): each for each in ran.document["excluded"]}
    assert {label: each["reason"] for label, each in excluded.items()} == {
        "bad": "critical",
        "out": "draining",
        "none": "malformed",
    }
    assert excluded["bad"]["detail"] == f"its check 'service:{name}-bad' is critical"
    assert (excluded["bad"]["endpoint"]["port"], excluded["none"]["endpoint"]) == (8002, None)
    table = here("resolve", uri, name, "--all").out
    assert "3 of 4 excluded" in table
    assert "it is in maintenance" in table
    assert "3 left out (see --all)" in here("resolve", uri, name).out

    consul.deregister(f"{name}-good")
    consul.deregister(f"{name}-none")
    ran = here("resolve", uri, name)
    assert ran.code == 4
    assert "`--all` shows its instances" in ran.err


def test_a_misspelt_service(here: Here, consul: Consul, name: str) -> None:
    consul.register(name, 8001)
    ran = here("resolve", f"consul://127.0.0.1:{consul.port}", f"{name}s")
    assert ran.code == 3
    assert f"did you mean '{name}'?" in ran.err


def test_a_comparison_of_all_there_is(here: Here, consul: Consul, name: str) -> None:
    consul.register(name, 8001)
    uri = f"consul://127.0.0.1:{consul.port}"
    ran = here("compare", uri, uri, "-o", "json")
    assert ran.code == 0, ran.err
    assert {each["service"] for each in ran.document["services"]} >= {name, "consul"}
