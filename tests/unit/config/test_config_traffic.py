"""Traffic policies as they are written: what is taken, what is refused and in which words, what is written back."""

from __future__ import annotations

import re
import tomllib

import pytest

from meshclient.config.policy_shape import HashKey
from meshclient.config.traffic_schema import TRAFFIC_KEYS
from meshclient.config.traffic_shape import GuardConfig, MirrorConfig, TrafficConfig, VariantConfig
from meshclient.core.traffic.match import Rule
from meshclient.core.traffic.subset import Subset
from meshclient.errors import ConfigError

WRITTEN = """
split = { v1 = 95, V2 = 5 }
sticky = "cookie:session"
routes = [{ to = "v2", headers = { X-Preview = true } }, { to = "v2", path = "/beta/*", methods = ["get"] }]
mirror = { to = "orders-next", share = "5%" }
guard = { variant = "v2", alpha = 0.001 }

[variants.v2]
tags = ["v2"]
metadata = { version = "2" }
"""
READ = TrafficConfig(
    split={"v1": 95.0, "v2": 5.0},
    variants={"v2": VariantConfig(subset=Subset(("v2",), {"version": "2"}))},
    routes=(Rule("v2", headers={"x-preview": "*"}), Rule("v2", path="/beta/*", methods=("GET",))),
    sticky=HashKey("cookie", "session"),
    mirror=MirrorConfig("orders-next", 0.05),
    guard=GuardConfig("v2", 0.001),
)


def read(**tables: object) -> TrafficConfig:
    return TrafficConfig(**{key: TRAFFIC_KEYS[key].read(value) for key, value in tables.items()})  # type: ignore[arg-type]


def test_a_policy_is_read_and_written_back() -> None:
    assert read(**tomllib.loads(WRITTEN)) == READ
    written = {key: kind.write(getattr(READ, key)) for key, kind in TRAFFIC_KEYS.items()}
    assert read(**written) == READ
    assert written["variants"] == {"v2": {"tags": ("v2",), "metadata": {"version": "2"}}}
    assert written["routes"] == (
        {"to": "v2", "headers": {"x-preview": "*"}},
        {"to": "v2", "path": "/beta/*", "methods": ("GET",)},
    )


def test_nothing_is_said_and_nothing_is_steered() -> None:
    empty = TrafficConfig()
    assert read(**{key: kind.write(getattr(empty, key)) for key, kind in TRAFFIC_KEYS.items()}) == empty
    assert read(mirror=False, guard=None, sticky=False) == empty


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("split", "v1=95, v2=5", {"v1": 95.0, "v2": 5.0}),
        ("split", "{ v1 = 95, v2 = 5 }", {"v1": 95.0, "v2": 5.0}),
        ("variants", "{ v2 = { service = 'Orders-2' } }", {"v2": VariantConfig("orders-2")}),
        ("routes", "[{ to = 'v2', cookies = { Beta = '1' } }]", (Rule("v2", cookies={"Beta": "1"}),)),
        ("sticky", "header:X-User", HashKey("header", "x-user")),
        ("mirror", "{ to = 'next', share = 0.5, limit = 2 }", MirrorConfig("next", 0.5, 2)),
        ("mirror", "off", None),
        ("guard", "{ variant = 'v2', tolerance = 2, latency = true }", GuardConfig("v2", 0.01, 2.0, latency=True)),
    ],
)
def test_a_variable_spells_it_in_one_line(key: str, text: str, value: object) -> None:
    kind = TRAFFIC_KEYS[key]
    assert kind.read(kind.spelled(text)) == value


REFUSED = [
    ("split", 5, "5 is not a table of weights: write { v1 = 95, v2 = 5 }"),
    ("split", {"v1": -1}, "v1 = -1 is not a weight: write a number from 0 to 1000000"),
    ("split", {"v1": "5%"}, "v1 = '5%' is not a weight: write a number from 0 to 1000000"),
    ("split", {"v1": True}, "v1 = true is not a weight: write a number from 0 to 1000000"),
    ("split", {"v1": 1, "V1": 1}, "v1 stands there twice (capitals do not count): keep one of them"),
    ("split", {5: 1}, "5 is not a name: write text such as 'v2'"),
    ("variants", {"v2": {"tgas": ["v2"]}}, "v2: unknown key 'tgas'; did you mean 'tags'?"),
    ("variants", {"v2": {"xyz": 1}}, "v2: unknown key 'xyz'; known: tags, metadata, service"),
    (
        "variants",
        {"v2": {}},
        "v2: is either another service or a part of this one: write service, or tags and metadata",
    ),
    ("variants", {"v2": {"tags": "v2"}}, "v2: tags: 'v2' is not a list: write tags such as ['v2']"),
    ("variants", {"v2": {"tags": [1]}}, "v2: tags: 1 is not a tag: write text"),
    (
        "variants",
        {"v2": {"metadata": {"version": 2}}},
        "v2: metadata: {'version': 2} is not a table of texts: write { version = 'v2' }",
    ),
    ("routes", {}, "{} is not a list: write [{ to = 'v2', headers = { x-preview = '*' } }]"),
    ("routes", [{"path": "/a"}], "[0]: leads nowhere: write to = '<a variant>'"),
    ("routes", [{"to": "v2"}], "[0]: takes every call: give it headers, cookies, path or methods, or use split"),
    (
        "routes",
        [{"to": "v2", "path": "/"}, {"to": "v2", "path": "b*a"}],
        "[1]: path: 'b*a' is not a path: write one such as '/beta', or '/beta/*' for all below it",
    ),
    (
        "routes",
        [{"to": "v2", "methods": ["GET "]}, {"to": "v2", "methods": ["?"]}],
        "[1]: methods: '?' is not a method:",
    ),
    ("routes", [{"to": "v2", "headers": {"x": 5}}], "[0]: headers: x = 5 is not text: write a value, 'beginning*', or"),
    ("routes", [{"to": "v2", "headers": {"x y": "5"}}], "[0]: headers: 'x y' is not the name of a header or cookie:"),
    ("sticky", "session", "'session' is nothing to be sticky by: write 'header:x-user', 'cookie:session', 'path' or"),
    ("mirror", {"to": "next"}, "has no share: write { to = '<a variant or service>', share = '5%' }"),
    ("mirror", {"share": 1}, "has no to: write { to = '<a variant or service>', share = '5%' }"),
    ("mirror", {"to": "next", "share": 0}, "share: 0 copies nothing: write a number above 0, or false for mirror"),
    ("mirror", {"to": "next", "share": 2}, "share: 2 is out of place: write a number from 0 to 1, or text like '20%'"),
    ("mirror", {"to": "next", "share": 1, "limit": 0}, "limit: 0 is out of place: write a whole number of at least 1"),
    ("guard", {"alpha": 0.1}, "watches nothing: write { variant = '<one of split>' }"),
    ("guard", {"variant": "v2", "alpha": 1}, "alpha: 1 is out of place: write a small probability such as 0.01, at"),
    ("guard", {"variant": "v2", "tolerance": 0.5}, "tolerance: 0.5 is out of place: write a number from 1 to 1000"),
    ("guard", True, "true is not a table: write { variant = 'v2' }, or false for no guard"),
]


@pytest.mark.parametrize(("key", "value", "reason"), REFUSED)
def test_a_refusal_says_where_and_why_and_what_to_write(key: str, value: object, reason: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(reason)}"):
        TRAFFIC_KEYS[key].read(value)


V2 = {"v2": {"tags": ["v2"]}}


@pytest.mark.parametrize(
    ("tables", "reason"),
    [
        ({"split": {"v1": 1, "v3": 1}, "variants": V2}, "split names v1 and v3, and variants describes neither: desc"),
        ({"split": {"v1": 0, "v2": 0}, "variants": V2}, "split gives every variant nothing: give one a weight above"),
        ({"split": {"v1": 1, "v22": 1}, "variants": {"v1": {"tags": ["1"]}, **V2}}, "nothing leads to variant 'v2':"),
        ({"routes": [{"to": "v3", "path": "/"}], "variants": V2}, "a route leads to 'v3': describe it in variants, or"),
        ({"split": {"v1": 1, "v2": 1}, "variants": V2, "guard": {"variant": "v3"}}, "guard watches 'v3', which is not"),
        ({"split": {"v2": 1}, "variants": V2, "guard": {"variant": "v2"}}, "guard compares 'v2' with nothing: give"),
    ],
)
def test_names_and_descriptions_have_to_fit_together(tables: dict[str, object], reason: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(reason)}"):
        read(**tables)


def test_a_variant_may_be_there_for_copies_or_rules_only() -> None:
    assert read(variants=V2, mirror={"to": "v2", "share": 1}).mirror == MirrorConfig("v2", 1.0)
    assert read(variants=V2, routes=[{"to": "v2", "path": "/beta"}]).split == {}
