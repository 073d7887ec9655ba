from __future__ import annotations

from math import inf

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient.http.routing import attempt_timeouts, given_timeouts, logical_location, routed
from meshclient.model.endpoint import Endpoint

PLAIN = Endpoint("10.0.0.1", 8080)
SECURE = Endpoint("10.0.0.1", 8443, scheme="https")


def sent(url: str, endpoint: Endpoint = PLAIN, **request: object) -> httpx.Request:
    made = httpx.Request("GET", url, **request)  # type: ignore[arg-type]
    return routed(made, endpoint, httpx.ByteStream(b""), {}, None)


@pytest.mark.parametrize(
    ("url", "endpoint", "address"),
    [
        ("http://orders/a?b=c", PLAIN, "http://10.0.0.1:8080/a?b=c"),
        ("mesh://orders/a", PLAIN, "http://10.0.0.1:8080/a"),
        ("mesh://orders/a", SECURE, "https://10.0.0.1:8443/a"),
        ("http://orders/a", SECURE, "https://10.0.0.1:8443/a"),
        ("https://orders/a", PLAIN, "https://10.0.0.1:8080/a"),
        ("http://orders", Endpoint("::1", 80), "http://[::1]/"),
    ],
)
def test_address(url: str, endpoint: Endpoint, address: str) -> None:
    request = sent(url, endpoint)
    assert str(request.url) == address
    assert request.headers["host"] == "orders"


def test_tls_is_asked_for_the_service_and_not_for_the_address() -> None:
    assert sent("http://orders/", SECURE).extensions["sni_hostname"] == "orders"
    assert sent("https://orders.mesh/", PLAIN).extensions["sni_hostname"] == "orders.mesh"
    assert "sni_hostname" not in sent("http://orders/").extensions
    own = sent("https://orders/", extensions={"sni_hostname": "other"})
    assert own.extensions["sni_hostname"] == "other"


def test_the_callers_request_is_not_changed() -> None:
    request = httpx.Request("GET", "http://orders/", extensions={"timeout": {"read": 1}})
    routed(request, SECURE, httpx.ByteStream(b""), {"read": 2}, print)
    assert request.extensions == {"timeout": {"read": 1}}
    assert str(request.url) == "http://orders/"


@given(st.from_regex(rb'/[!"$-~]{0,30}', fullmatch=True))
def test_the_target_arrives_as_httpx_wrote_it(raw: bytes) -> None:
    url = httpx.URL("http://orders").copy_with(raw_path=raw)
    assert sent(str(url)).url.raw_path == url.raw_path


@pytest.mark.parametrize("target", ["//x", "/%2F/%2e%2e/", "/%zz?%zz=&&", "/a|b[]^", "/?", "/a?b?c#d", "/é?é"])
def test_odd_targets_arrive_as_httpx_wrote_them(target: str) -> None:
    assert sent(f"http://orders{target}").url.raw_path == httpx.URL(f"http://orders{target}").raw_path


@pytest.mark.parametrize(
    ("location", "endpoint", "leads_to"),
    [
        ("/new", PLAIN, "mesh://orders/new"),
        ("new?x=1", PLAIN, "mesh://orders/a/new?x=1"),
        ("../new#here", PLAIN, "mesh://orders/new#here"),
        ("//orders/new", PLAIN, "mesh://orders/new"),
        ("http://orders/new", PLAIN, "mesh://orders/new"),
        ("https://orders/new", SECURE, "mesh://orders/new"),
        ("https://orders/new", PLAIN, "https://orders/new"),
        ("http://users/new", PLAIN, "http://users/new"),
        ("https://example.com/new", SECURE, "https://example.com/new"),
        ("mesh://users/new", PLAIN, "mesh://users/new"),
    ],
)
def test_redirects_of_mesh_urls(location: str, endpoint: Endpoint, leads_to: str) -> None:
    assert logical_location(httpx.Request("GET", "mesh://orders/a/b"), endpoint, location) == leads_to


def test_no_timeout_is_longer_than_the_attempt_nor_than_the_callers() -> None:
    given = {"connect": 9.0, "read": 0.1, "write": None, "pool": 9.0}
    assert attempt_timeouts(given, 1.0, 2.0) == {"connect": 1.0, "read": 0.1, "write": 2.0, "pool": 1.9}
    assert attempt_timeouts({}, 1.0, 0.5) == {"connect": 0.5, "read": 0.5, "write": 0.5, "pool": 0.475}
    assert attempt_timeouts({}, inf, inf) == {"connect": None, "read": None, "write": None, "pool": None}


def test_httpx_default_timeout_is_not_a_wish() -> None:
    client = httpx.Client()
    assert given_timeouts(client.build_request("GET", "http://orders/")) == {}
    assert given_timeouts(httpx.Request("GET", "http://orders/")) == {}
    wished = client.build_request("GET", "http://orders/", timeout=httpx.Timeout(5.0, read=7.0))
    assert given_timeouts(wished) == {"connect": 5.0, "read": 7.0, "write": 5.0, "pool": 5.0}
