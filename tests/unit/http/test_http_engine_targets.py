"""Where a URL leads."""

from __future__ import annotations

import ssl

import httpx
import pytest

from meshclient.engine.target import Target
from meshclient.engine.tls import AdoptedContext
from meshclient.http import engine_targets
from meshclient.http.engine_targets import Targets

TLS = AdoptedContext(ssl.create_default_context())


def of(url: str, targets: Targets | None = None, **extensions: object) -> Target:
    return (targets or Targets(TLS, "")).of(httpx.Request("GET", url, extensions=extensions))


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://orders/x", Target("orders", 80, server_name="orders")),
        ("http://orders:80/y", Target("orders", 80, server_name="orders")),
        ("http://orders:8080", Target("orders", 8080, server_name="orders")),
        ("ws://orders", Target("orders", 80, server_name="orders")),
        ("https://Orders.Example", Target("orders.example", 443, tls=TLS, server_name="orders.example")),
        ("wss://orders:1", Target("orders", 1, tls=TLS, server_name="orders")),
        ("http://[::1]:8080", Target("::1", 8080, server_name="::1")),
        ("http://b\xfc.de", Target("xn--b-eha.de", 80, server_name="xn--b-eha.de")),
    ],
)
def test_a_url_leads_to_its_host(url: str, target: Target) -> None:
    assert of(url) == target


def test_a_certificate_may_be_for_another_name() -> None:
    targets = Targets(TLS, "")
    assert of("https://127.0.0.1", targets, sni_hostname="orders").server_name == "orders"
    assert of("https://127.0.0.1", targets).server_name == "127.0.0.1"


def test_a_unix_socket_takes_the_place_of_hosts() -> None:
    target = of("https://orders", Targets(TLS, "/run/s"))
    assert (target.path, target.tls, target.server_name) == ("/run/s", TLS, "orders")


def test_a_target_is_the_same_object_until_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_targets, "_REMEMBERED", 2)
    targets = Targets(TLS, "")
    first = of("http://a/1", targets)
    assert of("http://a/2", targets) is first
    of("http://b", targets)
    of("http://c", targets)
    again = of("http://a", targets)
    assert again is not first
    assert again == first


def test_trust_is_made_once_and_when_it_is_needed() -> None:
    targets = Targets(None, "")
    assert of("http://a", targets).tls is None
    assert of("https://a", targets).tls is of("https://b", targets).tls is not None


def test_other_protocols_are_refused() -> None:
    with pytest.raises(httpx.UnsupportedProtocol, match="unsupported protocol 'ftp://'"):
        of("ftp://orders")
