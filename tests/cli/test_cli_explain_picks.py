"""``meshclient explain``: which endpoints take part, and which of them are picked."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

import meshclient
from cli.explaining import FILE, LIST, explained
from cli.here import Here


@pytest.fixture
def here(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Here:
    """The command, in a folder with a configuration and a list."""
    (tmp_path / "meshclient.toml").write_text(FILE, "utf-8")
    (tmp_path / "list.toml").write_text(LIST, "utf-8")
    return Here(tmp_path, capsys, monkeypatch)


def test_the_picks_are_those_of_the_balancer(here: Here) -> None:
    first = explained(here, "orders", "--picks", "3000")["picks"]
    by_url = {each["url"]: each for each in first["endpoints"]}
    assert [each["expected_share"] for each in first["endpoints"]] == pytest.approx([0.2, 0.6, 0, 0.2, 0])
    assert by_url["http://10.0.0.2:8080"]["share"] == pytest.approx(0.6, abs=0.03)
    assert by_url["http://10.0.0.3:8080"]["state"] == "excluded"
    assert by_url["http://10.0.0.4:8080"]["state"] == "standby"
    assert sum(each["picks"] for each in first["endpoints"]) == 3000
    assert explained(here, "orders", "--picks", "3000")["picks"] == first
    assert explained(here, "orders", "--picks", "3000", "--seed", "2")["picks"] != first
    for balancer in ("p2c", "round_robin", "weighted_random", "least_request", "maglev"):
        picks = explained(here, "orders", "--set", f"services.orders.balancer={balancer}", "--picks", "500")["picks"]
        assert picks["endpoints"][1]["share"] == pytest.approx(0.6, abs=0.07), balancer


def test_a_key_goes_where_every_process_sends_it(here: Here) -> None:
    picks = explained(here, "orders", "X-User:ann")["picks"]
    (owner,) = [each["url"] for each in picks["endpoints"] if each["picks"]]
    assert picks["sticky"]
    assert picks["order"][0] == owner
    assert len(set(picks["order"])) == len(picks["order"]) == 4
    with meshclient.Mesh.from_config(
        here.folder / "meshclient.toml",
        mode="on-demand",
        resolver=f"file://{here.folder}/list.toml",
        sets=["services.stock.circuit=false"],
    ) as mesh:
        mesh.warm("orders")
        pick = mesh.service("orders").balancer.pick(time.monotonic(), key="ann")
    assert pick is not None
    assert pick.endpoint.url == owner
    # The call's own key is the stronger one.
    assert explained(here, "orders", "X-User:ann", "--hash-key", "bob")["hash_key"] == "bob"
    assert (
        explained(here, "orders", "--hash-key", "bob", "--set", "services.orders.balancer=p2c")["picks"]["order"] == []
    )


def test_what_takes_endpoints_out(here: Here) -> None:
    found = {each["step"]: each for each in explained(here, "orders")["filters"]}
    assert list(found) == ["variant", "subset", "health", "ejection", "priority", "zone"]
    assert (found["health"]["taken_out"], found["health"]["left"]) == (1, 4)
    assert (found["priority"]["taken_out"], found["priority"]["left"]) == (1, 3)
    assert found["zone"]["state"] == "idle"
    many = ",".join(f"10.0.0.{at}:80" for at in range(1, 121))
    words = ("--resolver", f"static://{many}", "--set", "services.orders.subset.size=10")
    found = {each["step"]: each for each in explained(here, "orders", *words)["filters"]}
    assert (found["subset"]["taken_out"], found["subset"]["left"]) == (110, 10)


def test_calls_stay_in_the_zone_of_the_process(here: Here) -> None:
    rows = "".join(f'{{ host = "10.0.0.{at}", port = 80, zone = "{"abc"[at % 3]}" }},' for at in range(9))
    (here.folder / "list.toml").write_text(f"[services.orders]\nendpoints = [{rows}]", "utf-8")
    document = explained(here, "orders")
    assert document["zone"] == "a"
    zones = {each["zone"]: 0 for each in document["picks"]["endpoints"]}
    for each in document["picks"]["endpoints"]:
        zones[each["zone"]] += each["picks"]
    assert zones == {"a": 1000, "b": 0, "c": 0}
    (zone,) = [each for each in document["filters"] if each["step"] == "zone"]
    assert (zone["state"], zone["taken_out"], zone["left"]) == ("on", 6, 3)


def test_a_panic_is_told(here: Here) -> None:
    ran = here("explain", "sick", COLUMNS="120")
    assert ran.code == 4
    assert "PANIC" in ran.out
    # By the service; what the trial makes of the same list is no news.
    assert ran.err.count("are usable, so all are used") == 1
    document = explained(here, "sick", code=4)
    assert document["picks"]["panic"]
    assert document["error"]["kind"] == "no_endpoints"


def test_the_variant_of_a_call(here: Here) -> None:
    (here.folder / "meshclient.toml").write_text(
        """
resolver = "file://list.toml"
[services.orders.traffic]
split = { new = 1, old = 9 }
variants = { new = { tags = ["v2"] } }
routes = [{ to = "new", headers = { x-canary = "yes" } }]
""",
        "utf-8",
    )
    (here.folder / "list.toml").write_text(
        '[services.orders]\nendpoints = [{ host = "a", port = 1, tags = ["v2"] }, { host = "b", port = 1 }]', "utf-8"
    )
    document = explained(here, "orders", "X-Canary:yes")
    assert document["destination"]["variant"] == {
        "name": "new",
        "service": "orders",
        "rule": 1,
        "why": "rule 1 of 1 fits",
    }
    assert [each["url"] for each in document["picks"]["endpoints"]] == ["http://a:1"]
    assert document["filters"][0] == {
        "step": "variant",
        "state": "on",
        "left": 1,
        "taken_out": 1,
        "why": "the endpoints of the variant that the call goes to",
    }
    assert explained(here, "orders", "--hash-key", "k")["destination"]["variant"]["rule"] is None
