"""``meshclient resolve``: its forms, and a code for each kind of answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.command import Command
from cli.here import Here
from cli.schemas import assert_valid

MESH = {
    "services": {
        "orders": {
            "endpoints": [
                {
                    "host": "10.0.0.2",
                    "port": 8080,
                    "id": "b",
                    "zone": "z2",
                    "weight": 2,
                    "tags": ["v1", "blue"],
                    "metadata": {"version": 3, "author": "\x1b[31m"},
                    "health": "passing",
                },
                "https://[::1]:8443",
            ]
        },
        "drained": {"endpoints": [{"host": "10.0.0.3", "health": "draining"}]},
        "empty": {"endpoints": []},
    }
}


@pytest.fixture
def here(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Here:
    """The command in this process, in an empty folder."""
    return Here(tmp_path, capsys, monkeypatch)


@pytest.fixture
def registry(tmp_path: Path) -> str:
    """A registry file, as a resolver."""
    path = tmp_path / "mesh.json"
    path.write_text(json.dumps(MESH), "utf-8")
    return f"file://{path}"


def test_the_document(meshclient_command: Command, registry: str) -> None:
    ran = meshclient_command("resolve", "Orders", "--resolver", registry, "-o", "json")
    document = ran.document
    assert ran.code == 0
    assert ran.err == ""
    assert 0 <= document.pop("age_seconds") < 60
    assert 0 <= document.pop("took_seconds") < 60
    assert document == {
        "schema": "meshclient.resolve/v1",
        "service": "orders",
        "state": "ready",
        "endpoints": [
            {
                "host": "::1",
                "port": 8443,
                "scheme": "https",
                "id": None,
                "weight": 1.0,
                "priority": 0,
                "zone": None,
                "tags": [],
                "metadata": {},
                "health": "unknown",
            },
            {
                "host": "10.0.0.2",
                "port": 8080,
                "scheme": "http",
                "id": "b",
                "weight": 2.0,
                "priority": 0,
                "zone": "z2",
                "tags": ["v1", "blue"],
                "metadata": {"author": "\x1b[31m", "version": "3"},
                "health": "passing",
            },
        ],
        "source": registry,
        "version": 1,
        "cause": None,
        "from_disk": False,
        "failed_seconds": None,
        "held": None,
        "excluded": None,
    }
    assert_valid(ran.document)
    assert list(ran.document) == [
        *("schema", "service", "state", "endpoints", "source", "version", "age_seconds", "cause", "took_seconds"),
        *("from_disk", "failed_seconds", "held", "excluded"),
    ]


def test_the_table(here: Here, registry: str) -> None:
    caption, titles, *rows = here("resolve", "orders", "--resolver", registry).out.splitlines()
    assert caption.startswith(f"orders: ready, {registry}, version 1, age ")
    assert ", took " in caption
    assert titles.split() == ["ENDPOINT", "ZONE", "WEIGHT", "HEALTH", "TAGS"]
    assert [row.split() for row in rows] == [
        ["https://[::1]:8443", "-", "1", "unknown", "-"],
        ["http://10.0.0.2:8080", "z2", "2", "passing", "v1,blue"],
    ]


def test_wide_adds_the_metadata_and_lets_no_escape_through(here: Here, registry: str) -> None:
    ran = here("resolve", "orders", "--resolver", registry, "-o", "wide", "--no-header")
    _, row = ran.out.splitlines()
    assert row.split()[-2:] == ["author=\N{REPLACEMENT CHARACTER}[31m", "version=3"]
    assert "\x1b" not in ran.out


def test_several_names(here: Here, registry: str) -> None:
    words = ("resolve", "orders", "empty", "nobody", "--resolver", registry)
    ran = here(*words, "-o", "json")
    assert ran.code == 4
    assert ran.document["schema"] == "meshclient.resolve_list/v1"
    assert_valid(ran.document)
    assert [each["schema"] for each in ran.document["services"]] == ["meshclient.resolve/v1"] * 3
    assert [each["service"] for each in ran.document["services"]] == ["orders", "empty", "nobody"]
    assert "'empty' has no usable endpoint" in ran.err
    assert "there is no service 'nobody'" in ran.err
    assert [line["service"] for line in here(*words, "-o", "jsonl").lines] == [
        "orders",
        "empty",
        "nobody",
    ]


@pytest.mark.parametrize(
    ("name", "answer", "said"),
    [
        ("drained", (4, "ready"), "says critical or draining of all 1"),
        ("empty", (4, "empty"), "lists no endpoint"),
        ("nobody", (3, "empty"), "knows no service 'nobody'"),
    ],
)
def test_an_answer_that_is_of_no_use(here: Here, registry: str, name: str, answer: tuple[int, str], said: str) -> None:
    ran = here("resolve", name, "--resolver", registry, "-o", "json")
    assert (ran.code, ran.document["state"]) == answer
    assert said in ran.err
    assert "\n  fix: " in ran.err


def test_a_registry_that_cannot_be_read(here: Here, tmp_path: Path) -> None:
    ran = here("resolve", "orders", "--resolver", f"file://{tmp_path}/missing.toml", "-o", "json")
    assert (ran.code, ran.document["state"], ran.document["endpoints"]) == (5, "failed", [])
    assert ran.document["age_seconds"] is None
    assert "allows more" not in ran.err
    assert "missing.toml cannot be read: No such file or directory" in ran.document["cause"]
    assert ran.err.startswith("error: cannot resolve 'orders': ")
    # The cause is told once, and not by the library's log as well.
    assert ran.err.count("No such file") == 1


def test_what_is_left_of_a_union_is_printed_and_the_code_is_5(here: Here, registry: str) -> None:
    ran = here("resolve", "orders", "--resolver", f"{registry} + file:///missing.toml")
    assert ran.code == 5
    assert "http://10.0.0.2:8080" in ran.out
    assert "the 2 endpoints above may be outdated" in ran.err


def test_a_registry_that_does_not_answer_in_time(meshclient_command: Command, registry: str) -> None:
    # A name server that never answers: nobody reads this socket.
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        resolver = f"srv://mesh.test?nameserver=127.0.0.1:{deaf.getsockname()[1]}"
        ran = meshclient_command("resolve", "orders", "--resolver", resolver, "--timeout", "200ms", "-o", "json")
    assert (ran.code, ran.document["state"]) == (5, "pending")
    assert ran.document["age_seconds"] is None
    assert ran.document["cause"] == f"waited 200ms for {resolver}, which did not answer"
    assert f"\n  why: {ran.document['cause']}\n" in ran.err
    assert "; --timeout allows more time" in ran.err


@pytest.mark.parametrize("form", ["{hanging}", "file:///missing.toml | {hanging}", "static://a:1 + {hanging}"])
def test_a_registry_that_accepts_and_never_answers_is_named(meshclient_command: Command, form: str) -> None:
    """Also among others, of which one that has failed is told as well."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as accepting:
        hanging = f"consul://127.0.0.1:{accepting.getsockname()[1]}"
        ran = meshclient_command("resolve", "orders", "--resolver", form.format(hanging=hanging), "--timeout", "1s")
    assert ran.code == 5
    assert f"waited 1s for {hanging}, which did not answer" in ran.err
    assert f"waited 1s for {hanging}, which did not answer" in ran.out
    assert ("missing.toml cannot be read" in ran.err) == ("missing" in form)


def test_a_table_says_that_there_never_was_a_list(here: Here) -> None:
    ran = here("resolve", "orders", "--resolver", "file:///missing.toml")
    assert ", no list yet, took " in ran.out
    assert "age" not in ran.out


def test_a_file_that_is_not_there_is_to_be_made(here: Here) -> None:
    ran = here("resolve", "orders", "--resolver", "file:///missing.toml")
    assert "\n  fix: create the file, or correct its path in the resolver\n" in ran.err


@pytest.mark.parametrize(
    ("cause", "fix"),
    [
        ("ConsulDenied: 403", "check the credentials that it is asked with, and what they allow"),
        ("ConsulUnreachable: no", "check the address in the resolver and that the registry is reachable from here"),
    ],
)
def test_refused_credentials_are_told_from_a_registry_that_is_away(cause: str, fix: str) -> None:
    from meshclient.cli.listing import verdict
    from meshclient.model.snapshot import Failed

    complaint = verdict("orders", Failed(cause, source="consul://a"), "--timeout")
    assert complaint is not None
    assert complaint.fix == fix


def test_without_a_resolver_the_way_out_is_shown(here: Here) -> None:
    ran = here("resolve", "orders")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (
        "error: no resolver configured\n"
        "  why: the configuration names neither a resolver nor endpoints of 'orders'\n"
        "  fix: name a registry, as by `--resolver consul://127.0.0.1:8500`, or write a meshclient.toml of two lines:\n"
        "\n"
        "    # meshclient.toml\n"
        "    [services.orders]\n"
        '    endpoints = ["http://127.0.0.1:8080"]\n'
    )


def test_endpoints_from_environment_and_configuration(here: Here, tmp_path: Path) -> None:
    words = ("resolve", "orders", "-o", "name")
    listed = {"MESHCLIENT_SERVICES__ORDERS__ENDPOINTS": "http://a:1,http://b:2"}
    assert here(*words, **listed).out == "http://a:1\nhttp://b:2\n"
    assert here(*words, "--resolver", "env://", services__orders__http__0="http://c:3").out == "http://c:3\n"
    (tmp_path / "other.toml").write_text('[services.orders]\nendpoints = ["http://d:4"]\n', "utf-8")
    assert here(*words, "--config", "other.toml").out == "http://d:4\n"
    assert here(*words, "--set", "services.orders.endpoints=http://e:5").out == "http://e:5\n"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("orders", "--resolver", "consull://x"), 2, "resolver scheme 'consull' is unknown; did you mean 'consul'?"),
        (("orders", "--set", "defaults.balancer=p3c", "--resolver", "dns://"), 2, "did you mean 'p2c'?"),
        (("orders", "--resolver", "static://a:0"), 2, "port 0 of host 'a' is out of range"),
        (("no/name", "--resolver", "dns://"), 2, "'no/name' is not a service name"),
        (("orders", "--set", "defaults.deadlin=1s"), 2, "Did you mean 'deadline'?"),
        (("orders", "--config", "missing.toml"), 2, "missing.toml is not there"),
        (("orders", "--resolver", "dns://", "--timeout", "soon"), 2, "'soon' is not a duration"),
        ((), 2, "Missing argument"),
    ],
)
def test_a_mistake_is_named(here: Here, words: tuple[str, ...], code: int, said: str) -> None:
    ran = here("resolve", *words)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err


def test_warnings_go_to_standard_error_unless_quiet(here: Here) -> None:
    words = ("resolve", "orders", "--resolver", "static://a:1", "-o", "json")
    ran = here(*words, MESHCLIENT_RESOLVR="dns://")
    assert ran.document["state"] == "ready"
    assert "MESHCLIENT_RESOLVR sets nothing and is ignored" in ran.err
    assert here(*words, "-q", MESHCLIENT_RESOLVR="dns://").err == ""
