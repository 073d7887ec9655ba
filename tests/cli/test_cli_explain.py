"""``meshclient explain``: where a call would go, and why, without sending anything."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

import meshclient
from cli.explaining import FILE, LIST, explained, policies, settings
from cli.golden import assert_golden
from cli.here import Here
from cli.schemas import assert_valid

STACK = (
    *("deadline", "coalesce", "cache", "traffic", "admission", "limit", "retry", "hedge", "budget", "pick", "breaker"),
    *("attempt_timeout", "send", "classify", "record"),
)


@pytest.fixture
def here(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Here:
    """The command, in a folder with a configuration and a list."""
    (tmp_path / "meshclient.toml").write_text(FILE, "utf-8")
    (tmp_path / "list.toml").write_text(LIST, "utf-8")
    return Here(tmp_path, capsys, monkeypatch)


# How wide a column of ages is depends on them.
_CHANGING = (
    (r"age \S+", "age A"),
    (r"VERSION +AGE +USED", "VERSION  AGE  USED"),
    (r"(\d) +\S+ +(yes|no) ", r"\1  A  \2 "),
    (r"\d+ more are defaults", "N more are defaults"),
)


@pytest.mark.parametrize("form", ["table", "wide", "name"])
def test_what_people_read(here: Here, form: str) -> None:
    ran = here("explain", "mesh://orders/v1", "X-User:ann", "-o", form, COLUMNS="140")
    assert (ran.code, ran.err) == (0, "")
    text = ran.out
    if form == "wide":
        # Every setting there is stands at the end, and there are more with every release.
        text = text[: text.index("\nSettings")]
    assert_golden(f"explain.{form}.txt", text, *_CHANGING)


def test_what_programs_read(here: Here) -> None:
    for form in ("json", "jsonl"):
        ran = here("explain", "mesh://orders/v1", "X-User:ann", "-o", form)
        assert_valid(ran.document)
        document = ran.document
        document["settings"] = [each for each in document["settings"] if each["origin"]["layer"] != "default"]
        text = json.dumps(document, indent=2 if form == "json" else None)
        assert_golden(f"explain.{form}.txt", text, (r'"age_seconds": [\d.e-]+', '"age_seconds": 0.5'))


def test_a_call_that_is_none_of_ours(here: Here) -> None:
    ran = here("explain", "https://example.com/v1", COLUMNS="100")
    assert (ran.code, ran.err) == (0, "")
    assert_golden("explain.passes.table.txt", ran.out, *_CHANGING)
    document = explained(here, "https://example.com/v1")
    assert document["destination"]["service"] is None
    assert document["picks"] is None
    assert document["policies"] == []
    assert here("explain", "https://example.com/v1", "-o", "name").out == "example.com\n"


@pytest.mark.parametrize(
    ("url", "service", "rule"),
    [
        ("mesh://orders/v1", "orders", "mesh_scheme"),
        ("orders", "orders", "mesh_scheme"),
        ("http://orders/", "orders", "configured"),
        ("http://payments/", "payments", "single_label"),
        ("http://stock/", "stock", "configured"),
        ("http://orders.mesh/", "orders", "domain"),
        ("http://ORDERS.MESH./", "orders", "domain"),
        ("http://10.0.0.1:80/", None, "ip_address"),
        ("http://[::1]/", None, "ip_address"),
        ("http://localhost:8080/", None, "localhost"),
        ("http://orders.example.com/", None, "foreign_domain"),
        ("ftp://orders/", None, "foreign_scheme"),
    ],
)
def test_which_service_and_why(here: Here, url: str, service: str | None, rule: str) -> None:
    to = explained(here, url)["destination"]
    assert (to["service"], to["rule"]) == (service, rule)
    # What a client would do is asked of the mesh itself, and not of the words.
    scheme, _, rest = url.partition("://") if "://" in url else ("mesh", "", url)
    host = rest.partition("/")[0].strip("[]") if "[" in rest else rest.partition("/")[0].partition(":")[0]
    mesh = meshclient.Mesh("static://?orders=10.0.0.1:80", services={"stock": {"endpoints": ["http://10.0.0.1:1"]}})
    with mesh:
        found = mesh.service_of(scheme, host)
    assert (found.name if found else None) == service


def test_without_a_resolver_a_single_label_passes_through(here: Here) -> None:
    (here.folder / "meshclient.toml").write_text("", "utf-8")
    to = explained(here, "http://orders/")["destination"]
    assert to["rule"] == "nobody_to_ask"
    assert "resolver" in to["fix"]


def test_origins_name_file_and_line_variable_and_option(here: Here) -> None:
    found = settings(
        explained(
            *(here, "orders", "--set", "services.orders.connect_timeout=300ms"),
            MESHCLIENT_DEFAULTS__ATTEMPT_TIMEOUT="700ms",
        )
    )
    assert found["deadline"] == ("2s", {"layer": "file", "detail": "meshclient.toml", "line": 5})
    assert found["retry.attempts"] == (4, {"layer": "file", "detail": "meshclient.toml", "line": 10})
    assert found["zone"] == ("a", {"layer": "file", "detail": "meshclient.toml", "line": 2})
    assert found["connect_timeout"] == ("300ms", {"layer": "argument", "detail": "--set", "line": None})
    variable = {"layer": "environment", "detail": "MESHCLIENT_DEFAULTS__ATTEMPT_TIMEOUT", "line": None}
    assert found["attempt_timeout"] == ("700ms", variable)
    assert found["slow_start"] == ("30s", {"layer": "default", "detail": None, "line": None})
    assert found["mode"][1]["layer"] == "default"


def test_a_route_has_its_own_values(here: Here) -> None:
    document = explained(here, "orders/reports/7")
    assert document["destination"]["route"] == "/reports/*"
    assert policies(document)["deadline"] == ("on", "10s for the whole call, all attempts and the body")
    assert policies(document)["retry"][0] == "off"
    assert settings(document)["deadline"][1]["line"] == 13
    assert settings(document)["retry"] == (False, {"layer": "file", "detail": "meshclient.toml", "line": 14})
    assert "retry.attempts" not in settings(document)
    assert explained(here, "orders/v1")["destination"]["route"] is None


def test_the_policies_stand_in_their_order_and_say_what_is_off(here: Here) -> None:
    document = explained(here, "orders")
    assert tuple(each["policy"] for each in document["policies"]) == STACK
    looped = [each["policy"] for each in document["policies"] if each["each_attempt"]]
    assert looped == ["budget", "pick", "breaker", "attempt_timeout", "send"]
    assert {name for name, (state, _) in policies(document).items() if state == "off"} == {
        *("coalesce", "cache", "traffic", "limit", "hedge"),
    }
    known = {each["key"] for each in document["settings"]}
    assert {key for each in document["policies"] for key in each["settings"]} <= known
    on = ("defaults.cache=true", "defaults.limit=true", "defaults.hedge=true", "services.orders.ejection=false")
    changed = policies(explained(here, "orders", *(word for each in on for word in ("--set", each))))
    assert [changed[name][0] for name in ("coalesce", "cache", "limit", "hedge", "breaker")] == ["on"] * 4 + ["off"]


def test_what_is_only_tried_out_and_a_circuit_that_is_shared(here: Here) -> None:
    document = explained(here, "stock")
    found = policies(document)
    assert found["breaker"][0] == "shadow"
    assert found["admission"][1].startswith("circuit: ")
    assert document["circuit"] == {"policy": "circuit", "state": "closed"}
    assert settings(document)["circuit.store"][0] == "redis://127.0.0.1:1/0"


def test_a_post_is_repeated_only_where_that_does_no_harm(here: Here) -> None:
    assert "only where nothing was sent" in policies(explained(here, "POST", "orders"))["retry"][1]
    assert "only" not in policies(explained(here, "POST", "orders", "Idempotency-Key:7"))["retry"][1]
    assert "GET may be repeated" in policies(explained(here, "orders"))["retry"][1]
    assert "not for POST" in policies(explained(here, "POST", "stock"))["hedge"][1]


def test_nothing_is_sent(here: Here) -> None:
    with socket.create_server(("127.0.0.1", 0)) as endpoint:
        port = endpoint.getsockname()[1]
        document = explained(
            *(here, "orders", "--resolver", f"static://127.0.0.1:{port}"),
            *("--set", "services.orders.health.tcp=true", "--set", "services.orders.connections.warm=true"),
        )
        assert document["picks"]["endpoints"][0]["picks"] == 1000
        endpoint.setblocking(False)
        with pytest.raises(BlockingIOError):
            endpoint.accept()


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("nobody", "--resolver", "file://list.toml"), 3, "there is no service 'nobody'"),
        (("gone",), 4, "no usable endpoint"),
        (("orders", "--resolver", "file://missing.toml"), 5, "is unavailable"),
        (("mesh://a b/",), 2, ""),
        (("orders", "--picks", "0"), 2, "--picks"),
        (("orders", "--html", "nowhere/page.html"), 2, "cannot be written"),
        (("orders", "--resolver", "nope://"), 2, "'nope' is unknown"),
    ],
)
def test_exit_codes_are_those_of_resolve(here: Here, words: tuple[str, ...], code: int, says: str) -> None:
    ran = here("explain", *words)
    assert ran.code == code
    assert says in ran.err


def test_nobody_to_ask_is_a_usage_error_with_the_remedy(here: Here) -> None:
    (here.folder / "meshclient.toml").write_text("", "utf-8")
    ran = here("explain", "orders")
    assert (ran.code, ran.out) == (2, "")
    assert "\n  fix: " in ran.err
    assert "meshclient.toml" in ran.err


def test_a_failure_is_explained_all_the_same(here: Here) -> None:
    document = explained(here, "orders", "--resolver", "file://missing.toml", code=5)
    assert document["resolver"]["state"] == "failed"
    assert document["resolver"]["parts"][0]["cause"]
    assert tuple(each["policy"] for each in document["policies"]) == STACK


def test_a_page(here: Here) -> None:
    ran = here("explain", "orders", "--html", "page.html")
    assert (ran.code, ran.err) == (0, "wrote page.html\n")
    page = (here.folder / "page.html").read_text("utf-8")
    assert "10.0.0.2:8080" in page
    assert "attempt_timeout" in page
    assert "<script" not in page


def test_a_plain_terminal_gets_plain_characters(here: Here) -> None:
    out = here("explain", "orders", TERM="dumb").out
    assert "#" in out
    assert out.isascii()
