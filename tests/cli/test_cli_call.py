"""``meshclient call`` against real instances."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from cli.command import Command
from servers.backend import Backends
from servers.ports import free_port


def listed(*urls: str) -> tuple[str, ...]:
    """The options that list these addresses for the service orders."""
    return ("--set", f"services.orders.endpoints={','.join(urls)}", "--set", "defaults.balancer=round_robin")


def test_the_body_is_the_answer(meshclient_command: Command, backends: Backends) -> None:
    (a,) = backends(1)
    for url in ("orders/x", "mesh://orders/x", "http://orders/x"):
        ran = meshclient_command("call", url, *listed(a.url))
        assert (ran.code, ran.err) == (0, "")
        assert ran.document["path"] == "/x"


def test_a_request_arrives_as_it_was_written(meshclient_command: Command, backends: Backends) -> None:
    (a,) = backends(1)
    ran = meshclient_command("call", "put", "orders/echo", "name=lamp", "X-Colour:blue", *listed(a.url))
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


def test_include_writes_the_head_first(meshclient_command: Command, backends: Backends) -> None:
    (a,) = backends(1)
    ran = meshclient_command("call", "orders/reply?status=404&body=gone&header=X-Why:moved", "-i", *listed(a.url))
    head, _, body = ran.out.partition("\n\n")
    assert head.splitlines()[0] == "HTTP/1.1 404 Not Found"
    assert "x-why: moved" in head.lower()
    assert body == "gone"
    assert ran.code == 0


def test_check_status(meshclient_command: Command, backends: Backends) -> None:
    (a,) = backends(1)
    ran = meshclient_command("call", "orders/reply?status=404&body=gone", "--check-status", *listed(a.url))
    assert (ran.code, ran.out) == (8, "gone")
    assert ran.err == "error: 'orders' answered 404 Not Found\n"
    assert meshclient_command("call", "orders/", "--check-status", *listed(a.url)).code == 0


def test_the_document(meshclient_command: Command, backends: Backends) -> None:
    (a,) = backends(1)
    ran = meshclient_command("call", "orders/reply?status=201&body=made", "-o", "json", *listed(a.url))
    document = ran.document
    assert list(document) == [
        *("schema", "method", "url", "service", "took_seconds", "status", "http_version", "headers"),
        *("body", "body_encoding", "error", "mesh"),
    ]
    assert (document["schema"], document["service"]) == ("meshclient.call/v1", "orders")
    assert (document["status"], document["body"], document["body_encoding"]) == (201, "made", "text")
    assert document["error"] is None
    assert document["mesh"]["endpoint"] == a.url
    assert document["mesh"]["attempts"][0]["outcome"] == "ok"
    assert meshclient_command("call", "orders/", "-o", "name", *listed(a.url)).out == f"{a.url}\n"


def test_a_body_that_is_no_text_is_in_base64(meshclient_command: Command, backends: Backends, tmp_path: Path) -> None:
    (a,) = backends(1)
    (tmp_path / "body.bin").write_bytes(b"\xff\xfe\x00")
    document = meshclient_command("call", "orders/mirror", "-d", "@body.bin", "-o", "json", *listed(a.url)).document
    assert (base64.b64decode(document["body"]), document["body_encoding"]) == (b"\xff\xfe\x00", "base64")


def test_the_trace_tells_of_every_attempt(meshclient_command: Command, backends: Backends) -> None:
    (a,) = backends(1, status=503)
    ran = meshclient_command("call", "orders/", "--trace", *listed(a.url))
    assert "trace: service orders, list ready from configuration, version 1, age " in ran.err
    assert "  1. at " in ran.err
    assert f"{a.url} server_error 503 after " in ran.err
    assert "; server_error: tried again after " in ran.err
    assert "; attempt 3 of 3 was the last" in ran.err
    assert " of the deadline left" in ran.err
    # The answer itself is still the answer.
    assert ran.code == 0


def test_nobody_listens(meshclient_command: Command) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    ran = meshclient_command("call", "orders/", "-o", "json", "--trace", *listed(url))
    assert ran.code == 9
    assert (ran.document["status"], ran.document["error"]["kind"]) == (None, "network")
    assert ran.document["mesh"]["attempts"][0]["outcome"] == "connect_error"
    assert f"{url} connect_error after " in ran.err
    assert "error: ConnectError" in ran.err
    assert "never sent" in ran.err


def test_out_of_time(meshclient_command: Command, backends: Backends) -> None:
    (a,) = backends(1, hang=True)
    ran = meshclient_command("call", "orders/", "--deadline", "300ms", *listed(a.url))
    assert (ran.code, ran.out) == (6, "")
    assert "did not end within its deadline of 0.3s" in ran.err
    assert "\n  fix: give it more time" in ran.err


def test_the_deadline_holds_for_other_hosts_too(meshclient_command: Command, backends: Backends) -> None:
    (a,) = backends(1, hang=True)
    assert meshclient_command("call", f"{a.url}/", "--deadline", "300ms").code == 6


def test_a_host_that_is_no_service_is_called_as_httpx_would(meshclient_command: Command, backends: Backends) -> None:
    (a,) = backends(1)
    ran = meshclient_command("call", f"{a.url}/x", "-o", "json")
    assert (ran.code, ran.document["status"], ran.document["mesh"], ran.document["service"]) == (0, 200, None, None)


def test_what_resolution_says_is_the_exit_code(meshclient_command: Command, tmp_path: Path) -> None:
    (tmp_path / "mesh.toml").write_text("[services.empty]\nendpoints = []\n", "utf-8")
    resolver = ("--resolver", "file://mesh.toml")
    assert meshclient_command("call", "nobody/", *resolver).code == 3
    assert meshclient_command("call", "empty/", *resolver).code == 4
    gone = meshclient_command("call", "orders/", "--resolver", "file://gone.toml", "--deadline", "200ms")
    assert gone.code == 5
    assert "gone.toml cannot be read" in gone.err
    assert "\n  fix: check that the registry is reachable" in gone.err


def test_without_a_resolver_the_way_out_is_shown(meshclient_command: Command) -> None:
    for url in ("orders/x", "mesh://orders/x"):
        ran = meshclient_command("call", url)
        assert ran.code == 2
        assert "error: no resolver configured" in ran.err
        assert 'resolver = "dns://"' in ran.err


def test_a_mistake_is_a_usage_error(meshclient_command: Command) -> None:
    assert meshclient_command("call", "ftp://orders/").code == 2
    assert meshclient_command("call", "orders/", "what").code == 2
    assert meshclient_command("call", "http://orders:port/").code == 2


def test_a_call_without_a_list_names_the_resolver_to_ask_and_no_age(meshclient_command: Command) -> None:
    words = ("call", "orders/", "--resolver", "file:///missing's.toml", "--deadline", "200ms", "--trace")
    ran = meshclient_command(*words, "-o", "json")
    assert ran.code == 5
    snapshot = ran.document["mesh"]["snapshot"]
    assert (snapshot["state"], snapshot["age_seconds"]) == ("failed", None)
    assert "list failed from file:///missing's.toml, version " in ran.err
    assert ", no list yet\n" in ran.err
    assert ran.document["error"]["message"].endswith(
        "reachable from here: meshclient --resolver 'file:///missing'\\''s.toml' resolve orders"
    )


def test_endpoints_of_the_configuration_are_asked_for_by_name_alone(meshclient_command: Command) -> None:
    draining = '[[services.orders.endpoints]]\nhost = "127.0.0.1"\nport = 1\nhealth = "draining"\n'
    (meshclient_command.folder / "meshclient.toml").write_text(draining, "utf-8")
    ran = meshclient_command("call", "orders/")
    assert ran.code == 4
    assert "see which instances are healthy: meshclient resolve orders\n" in ran.err
