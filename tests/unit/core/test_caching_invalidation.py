"""What unsafe requests make invalid (RFC 9111, section 4.4)."""

from __future__ import annotations

import pytest

from meshclient.core.caching.invalidation import invalidated
from unit.core.caching_scene import URL, ask, response

OTHER = "http://orders/v1/orders"


@pytest.mark.parametrize(
    ("method", "status", "gone"),
    [
        *[(method, 200, True) for method in ("POST", "PUT", "DELETE", "PATCH", "M-SEARCH", "WHATEVER", "get")],
        *[
            (method, 200, False)
            for method in ("GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "SEARCH", "QUERY")
        ],
        *[("POST", status, True) for status in (201, 204, 302, 303, 399)],
        *[("POST", status, False) for status in (101, 400, 404, 409, 500, 503)],
    ],
)
def test_a_change_that_went_well_makes_its_url_invalid(method: str, status: int, gone: bool) -> None:
    assert invalidated(ask(method=method), response(status=status)) == ((URL,) if gone else ())


@pytest.mark.parametrize("name", ["Location", "Content-Location"])
@pytest.mark.parametrize(
    ("value", "also"),
    [
        (OTHER, OTHER),
        ("/v1/orders", OTHER),
        ("../orders", OTHER),
        ("/v1/orders#part", OTHER),
        ("http://orders:80/v1/orders", "http://orders:80/v1/orders"),
        ("//orders/v1/orders", OTHER),
        ("", None),
        # Another origin's: "This helps prevent denial-of-service attacks."
        ("https://orders/v1/orders", None),
        ("http://orders:8080/v1/orders", None),
        ("http://users/v1/orders", None),
        ("mailto:a@b", None),
        ("http://[", None),
        ("http://orders:99999/", None),
        ("http://orders:x/", None),
    ],
)
def test_so_do_the_places_it_names_of_the_same_origin(name: str, value: str, also: str | None) -> None:
    found = invalidated(ask(method="POST"), response(f"{name}: {value}", status=201))
    assert found == ((URL,) if also is None else (URL, also))


def test_ports_that_need_not_be_named() -> None:
    request = ask(method="POST", url="https://orders/a")
    assert invalidated(request, response("Location: https://orders:443/b")) == (request.url, "https://orders:443/b")
    assert invalidated(request, response("Location: https://orders:80/b")) == (request.url,)


def test_of_several_places_the_first_counts() -> None:
    lines = [f"Location: {OTHER}", "Location: /another"]
    assert invalidated(ask(method="PUT"), response(*lines)) == (URL, OTHER)


def test_a_url_is_named_once() -> None:
    lines = [f"Location: {OTHER}", f"Content-Location: {OTHER}"]
    assert invalidated(ask(method="PUT"), response(*lines)) == (URL, OTHER)
