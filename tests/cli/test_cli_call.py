"""``meshclient call`` against real instances."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from cli.command import Command
from cli.golden import assert_golden
from cli.here import Here
from cli.schemas import assert_valid
from servers.backend import Backends
from servers.ports import free_port


def listed(*urls: str) -> tuple[str, ...]:
    """The options that list these addresses for the service orders."""
    return ("--set", f"services.orders.endpoints={','.join(urls)}", "--set", "defaults.balancer=round_robin")


@pytest.fixture
def here(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Here:
    """The command in this process, in an empty folder."""
    return Here(tmp_path, capsys, monkeypatch)


def test_the_body_is_the_answer(here: Here, backends: Backends) -> None:
    (a,) = backends(1)
    for url in ("orders/x", "mesh://orders/x", "http://orders/x"):
        ran = here("call", url, *listed(a.url))
        assert (ran.code, ran.err) == (0, "")
        assert ran.document["path"] == "/x"


def test_a_request_arrives_as_it_was_written(here: Here, backends: Backends) -> None:
    (a,) = backends(1)
    ran = here("call", "put", "orders/echo", "name=lamp", "X-Colour:blue", *listed(a.url))
    heard = ran.document
    assert heard["method"] == "PUT"
    assert json.loads(heard["body"]) == {"name": "lamp"}
    assert {"x-colour": "blue", "content-type": "application/json"}.items() <= {
        name.lower(): value for name, value in heard["headers"]
    }.items()


def test_the_body_may_come_from_standard_input(meshclient_command: Command, backends: Backends) -> None:
    (a,) = backends(1)
    ran = meshclient_command("call", "orders/mirror", "-d", "@-", *listed(a.url), stdin="hello")
    assert ran.out == "hello"


def test_include_writes_the_head_first(here: Here, backends: Backends) -> None:
    (a,) = backends(1)
    ran = here("call", "orders/reply?status=404&body=gone&header=X-Why:moved", "-i", *listed(a.url))
    head, _, body = ran.out.partition("\r\n\r\n")
    assert head.splitlines()[0] == "HTTP/1.1 404 Not Found"
    assert "x-why: moved" in head.lower()
    assert body == "gone"
    assert ran.code == 0


def test_check_status(here: Here, backends: Backends) -> None:
    (a,) = backends(1)
    ran = here("call", "orders/reply?status=404&body=gone", "--check-status", *listed(a.url))
    assert (ran.code, ran.out) == (8, "gone")
    assert ran.err.splitlines() == [
        "error: 'orders' answered 404 Not Found",
        "  fix: see the whole answer with -i, and every attempt with --trace",
    ]
    assert here("call", "orders/", "--check-status", *listed(a.url)).code == 0


def test_the_document(here: Here, backends: Backends) -> None:
    (a,) = backends(1)
    ran = here("call", "orders/reply?status=201&body=made", "-o", "json", *listed(a.url))
    document = ran.document
    assert list(document) == [
        *("schema", "method", "url", "service", "took_seconds", "status", "http_version", "headers"),
        *("body", "body_encoding", "error", "mesh", "trace"),
    ]
    assert (document["schema"], document["service"]) == ("meshclient.call/v1", "orders")
    assert (document["status"], document["body"], document["body_encoding"]) == (201, "made", "text")
    assert (document["error"], document["trace"]) == (None, None)
    assert_valid(document)
    assert_valid(here("call", "orders/", "-o", "jsonl", *listed(a.url)).lines[0])
    assert document["mesh"]["endpoint"] == a.url
    assert document["mesh"]["attempts"][0]["outcome"] == "ok"
    assert here("call", "orders/", "-o", "name", *listed(a.url)).out == f"{a.url}\n"


def test_a_body_that_is_no_text_is_in_base64(here: Here, backends: Backends, tmp_path: Path) -> None:
    (a,) = backends(1)
    (tmp_path / "body.bin").write_bytes(b"\xff\xfe\x00")
    document = here("call", "orders/mirror", "-d", "@body.bin", "-o", "json", *listed(a.url)).document
    assert_valid(document)
    assert (base64.b64decode(document["body"]), document["body_encoding"]) == (b"\xff\xfe\x00", "base64")


def test_nobody_listens(here: Here) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    ran = here("call", "orders/", "-o", "json", "--trace", *listed(url))
    assert ran.code == 9
    assert (ran.document["status"], ran.document["error"]["kind"]) == (None, "network")
    assert ran.document["mesh"]["attempts"][0]["outcome"] == "connect_error"
    assert_valid(ran.document)
    assert f"  1. {url} " in ran.err
    assert "    connect_error, never sent; ConnectError: " in ran.err
    assert "error: ConnectError" in ran.err
    assert "never sent" in ran.err


def test_out_of_time(here: Here, backends: Backends) -> None:
    (a,) = backends(1, hang=True)
    ran = here("call", "orders/", "--deadline", "300ms", *listed(a.url))
    assert (ran.code, ran.out) == (6, "")
    assert "did not end within its deadline of 0.3s" in ran.err
    assert "\n  fix: give it more time" in ran.err


def test_the_deadline_holds_for_other_hosts_too(here: Here, backends: Backends) -> None:
    (a,) = backends(1, hang=True)
    assert here("call", f"{a.url}/", "--deadline", "300ms").code == 6


def test_a_host_that_is_no_service_is_called_as_httpx_would(here: Here, backends: Backends) -> None:
    (a,) = backends(1)
    ran = here("call", f"{a.url}/x", "-o", "json")
    assert (ran.code, ran.document["status"], ran.document["mesh"], ran.document["service"]) == (0, 200, None, None)


def test_what_resolution_says_is_the_exit_code(here: Here, tmp_path: Path) -> None:
    (tmp_path / "mesh.toml").write_text("[services.empty]\nendpoints = []\n", "utf-8")
    resolver = ("--resolver", "file://mesh.toml")
    assert here("call", "nobody/", *resolver).code == 3
    assert here("call", "empty/", *resolver).code == 4
    gone = here("call", "orders/", "--resolver", "file://gone.toml", "--deadline", "200ms")
    assert gone.code == 5
    assert "gone.toml cannot be read" in gone.err
    assert "\n  fix: check that the registry is reachable" in gone.err


def test_without_a_resolver_the_way_out_is_shown(here: Here) -> None:
    for url in ("orders/x", "mesh://orders/x"):
        ran = here("call", url)
        assert ran.code == 2
        assert "error: no resolver configured" in ran.err
        assert "\n  fix: " in ran.err
        assert "meshclient.toml" in ran.err


def test_a_name_that_is_nearly_right_is_recognised(here: Here) -> None:
    ran = here("call", "order/x", *listed("http://127.0.0.1:1"))
    assert ran.code == 2
    assert "did you mean 'orders'?" in ran.err


def test_a_circuit_that_is_shared_elsewhere_is_no_obstacle(here: Here, backends: Backends) -> None:
    (a,) = backends(1)
    # Neither that of the service nor that of another, as a configuration for long-lived processes has them.
    stores = [f"services.{name}.circuit.store=redis://127.0.0.1:{free_port()}/0" for name in ("orders", "stock")]
    ran = here("call", "orders/", *listed(a.url), *(word for store in stores for word in ("--set", store)))
    assert (ran.code, ran.err) == (0, "")


def test_a_mistake_is_a_usage_error(here: Here) -> None:
    assert here("call", "ftp://orders/").code == 2
    assert here("call", "orders/", "what").code == 2
    for words, said in (
        (("--rate", "5"), "give --repeat N too"),
        (("--html", "x.html"), "give --trace or --repeat N too"),
        (("--repeat", "2", "--trace"), "--trace shows a single call"),
        (("--repeat", "2", "--output-file", "x"), "--output-file shows a single call"),
        (("--form", "--json", "a=1"), "use one of them"),
        (("--repeat", "0"), "0 is not in the range"),
        (("--repeat", "2", "--rate", "0"), "0.0 is not in the range"),
        (("--repeat", "2", "--rate", "nan"), "nan calls per second: write a number"),
    ):
        ran = here("call", "orders/", *words)
        assert (ran.code, ran.out) == (2, "")
        assert said in " ".join(ran.err.split())
    assert here("call", "http://orders:port/").code == 2


def test_a_call_without_a_list_names_the_resolver_to_ask_and_no_age(here: Here) -> None:
    words = ("call", "orders/", "--resolver", "file:///missing's.toml", "--deadline", "200ms", "--trace")
    ran = here(*words, "-o", "json")
    assert ran.code == 5
    snapshot = ran.document["mesh"]["snapshot"]
    assert (snapshot["state"], snapshot["age_seconds"]) == ("failed", None)
    assert "list failed from file:///missing's.toml, version " in ran.err
    assert ", no list yet; the registry says: /missing's.toml cannot be read" in ran.err
    assert "\n  nothing was sent; " in ran.err
    assert ran.document["error"]["message"].endswith(
        "reachable from here: meshclient --resolver 'file:///missing'\\''s.toml' resolve orders"
    )


def test_endpoints_of_the_configuration_are_asked_for_by_name_alone(here: Here) -> None:
    draining = '[[services.orders.endpoints]]\nhost = "127.0.0.1"\nport = 1\nhealth = "draining"\n'
    (here.folder / "meshclient.toml").write_text(draining, "utf-8")
    ran = here("call", "orders/")
    assert ran.code == 4
    assert "see which instances are healthy: meshclient resolve orders\n" in ran.err


def test_a_form_a_query_and_curls_words_arrive(here: Here, backends: Backends, tmp_path: Path) -> None:
    (a,) = backends(1)
    (tmp_path / "photo.png").write_bytes(b"\x89PNG")
    form = here(
        "call", "--form", "orders/echo", "a=1 2", "n:=3", "q==x y", "-H", "X-Why: curl", *listed(a.url)
    ).document
    assert (form["method"], form["body"]) == ("POST", "a=1+2&n=3")
    assert form["target"] == "/echo?q=x+y"
    assert ["content-type", "application/x-www-form-urlencoded"] in _lower(form["headers"])
    assert ["x-why", "curl"] in _lower(form["headers"])
    files = here("call", "-X", "put", "orders/echo", "a=1", "photo@photo.png", *listed(a.url)).document
    assert files["method"] == "PUT"
    assert 'name="photo"; filename="photo.png"' in files["body"]
    assert "Content-Type: image/png" in files["body"]


def _lower(headers: list[list[str]]) -> list[list[str]]:
    return [[name.lower(), value] for name, value in headers]


def test_the_body_may_go_to_a_file(here: Here, backends: Backends, tmp_path: Path) -> None:
    (a,) = backends(1)
    ran = here("call", "orders/reply?body=made", "--output-file", "got", *listed(a.url))
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert (tmp_path / "got").read_text("utf-8") == "made"
    # What there was stays where the answer is cut off; nothing of it is left beside.
    cut = here("call", "orders/stream?chunks=3&size=10&cut=1", "--output-file", "got", *listed(a.url))
    assert cut.code == 9
    assert (tmp_path / "got").read_text("utf-8") == "made"
    assert [path.name for path in tmp_path.iterdir()] == ["got"]
    ran = here("call", "orders/", "--output-file", "no/got", *listed(a.url))
    assert (ran.code, ran.err.splitlines()[0]) == (2, "error: the answer cannot be written to 'no/got'")
    assert "  fix: name a file" in ran.err


def test_a_terminal_gets_no_binary_body(here: Here, backends: Backends, monkeypatch: pytest.MonkeyPatch) -> None:
    (a,) = backends(1)
    monkeypatch.setattr("_pytest.capture.CaptureIO.isatty", lambda _: True)
    (here.folder / "body").write_bytes(b"\x89PNG\0\r\n")
    ran = here("call", "orders/mirror", "-d", "@body", *listed(a.url))
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.startswith("note: 7 bytes of ")
    assert "--output-file FILE" in ran.err
    (here.folder / "body").write_text("héllo", "utf-8")
    assert here("call", "orders/mirror", "-d", "@body", *listed(a.url)).out == "héllo\n"
    # What is told of an answer that is cut off stands on a line of its own.
    assert here("call", "orders/stream?chunks=3&size=10&cut=1", *listed(a.url)).out.endswith("\n")


def test_what_programs_read(here: Here, backends: Backends) -> None:
    (a,) = backends(1)
    changing = (
        (r"127\.0\.0\.1:\d+", "127.0.0.1:8001"),
        (r'(_seconds": )[\d.e-]+', r"\g<1>0.5"),
    )
    for form in ("json", "jsonl", "name", "table", "wide"):
        ran = here("call", "orders/reply?status=201&body=made&header=X-Why:asked", "-i", "-o", form, *listed(a.url))
        assert ran.code == 0
        assert_golden(f"call.{form}.txt", ran.out, *changing)
