"""Whom and for what ``meshclient resolve`` asks: URIs before names, addresses of services, names that are misspelt."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.here import Here
from meshclient.cli.invocation import Invocation
from meshclient.cli.names import close_to, known_names
from meshclient.discovery.state_folder import StateFolder
from meshclient.model.endpoint import Endpoint

FILE = '[services.orders]\nendpoints = ["http://a:1"]\n[services.users]\nendpoints = ["http://b:2"]\n'


@pytest.fixture
def here(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Here:
    """The command in this process, in a folder with a registry file."""
    (tmp_path / "mesh.toml").write_text(FILE, "utf-8")
    return Here(tmp_path, capsys, monkeypatch)


@pytest.mark.parametrize(
    "words",
    [
        ("file://mesh.toml", "orders"),
        ("orders", "--resolver", "file://mesh.toml"),
        ("file:///missing.toml | file://mesh.toml", "orders"),
        ("migrate(file://mesh.toml, static://x:1)", "orders"),
        ("file://mesh.toml", "mesh://orders/v1/orders?x=1"),
        ("file://mesh.toml", "http://Orders"),
    ],
)
def test_whom_to_ask_stands_before_the_name_or_in_an_option(here: Here, words: tuple[str, ...]) -> None:
    ran = here("resolve", *words, "-o", "name")
    assert (ran.code, ran.out) == (0, "http://a:1\n"), ran.err


def test_what_is_configured_for_a_name_is_not_asked_where_another_registry_is_named(here: Here) -> None:
    (here.folder / "meshclient.toml").write_text('[services.orders]\nendpoints = ["http://c:3"]\n', "utf-8")
    assert here("resolve", "orders", "-o", "name").out == "http://c:3\n"
    assert here("resolve", "file://mesh.toml", "orders", "-o", "name").out == "http://a:1\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("file://mesh.toml",), "known are orders, users"),
        (("static://x:1",), "no service is named"),
        (("file://mesh.toml", "orders", "--resolver", "dns://"), "two resolvers"),
        (("orders", "file://mesh.toml"), "file://... stands where a service is named"),
        (("nosuch://x?token=hush", "orders"), "resolver scheme 'nosuch' is unknown"),
    ],
)
def test_a_slip_is_told(here: Here, words: tuple[str, ...], said: str) -> None:
    ran = here("resolve", *words)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert "hush" not in ran.err


@pytest.mark.parametrize(
    ("resolver", "name", "said"),
    [
        ("file://mesh.toml", "oders", "fix: did you mean 'orders'?"),
        ("static://?orders=a:1", "order", "fix: did you mean 'orders'?"),
        ("file://mesh.toml", "zzz", "fix: check the spelling; known are orders, users"),
        ("env://", "oders", "fix: did you mean 'orders'?"),
    ],
)
def test_a_misspelt_service_is_suggested(here: Here, resolver: str, name: str, said: str) -> None:
    ran = here("resolve", resolver, name, services__orders__http__0="http://c:3")
    assert ran.code == 3
    assert said in ran.err


def test_without_a_resolver_those_of_the_configuration_are_suggested(here: Here) -> None:
    (here.folder / "meshclient.toml").write_text(FILE, "utf-8")
    ran = here("resolve", "oders")
    assert ran.code == 2
    assert "nobody to ask for 'oders'" in ran.err
    assert "did you mean 'orders'?" in ran.err


def test_the_names_that_are_known(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(here.folder)
    monkeypatch.setenv("MESHCLIENT_SERVICES__PAYMENTS__ENDPOINTS", "http://p:1")
    monkeypatch.setenv("MESHCLIENT_SERVICES__CARTS__DEADLINE", "2s")
    monkeypatch.setenv("services__mails__http__0", "http://m:1")
    StateFolder(here.folder / "state").file("dns://", "remembered").write([Endpoint("10.0.0.1", 80)])
    (here.folder / "state" / "other.json").write_text("[", "utf-8")
    asked = Invocation(resolver="file://mesh.toml | env:// | dns://", sets=["state_dir=state"])
    # Of variables that list no endpoints the configuration knows, and env:// does not.
    assert known_names(asked) == ["carts", "mails", "orders", "payments", "remembered", "users"]
    assert known_names(Invocation(resolver="file://missing.toml + static://?a=x:1,y:2&b=z:3")) == [
        "a",
        "b",
        "carts",
        "payments",
    ]
    assert known_names(Invocation(resolver="no such thing")) == ["carts", "payments"]
    assert known_names(Invocation(config="missing.toml")) == []
    assert (close_to("Oders", ["orders", "users"]), close_to("zzz", ["orders"])) == ("orders", None)
