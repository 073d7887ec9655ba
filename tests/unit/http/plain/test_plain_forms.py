"""All forms of URLs and headers that are known to matter, one after the other: the short road treats them as httpx."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from meshclient.http.plain.request import PlainRequests
from unit.http.plain.roads import facts, outcome, road, wire
from unit.http.plain.wishes import HOSTS, NAMES, PORTS, QUERIES, SCHEMES, SEGMENTS, VALUES

if TYPE_CHECKING:
    from collections.abc import Iterable

BASES = ["https://Base:8443/p/", "http://base/p?x=y", "http://base/./p", "http://base#f", "http://u:p@base", ""]
PATHS = ["/" + one + "/" + two for one, two in product(SEGMENTS, SEGMENTS)]
PATHS += ["/" + segment + query for segment, query in product(SEGMENTS, QUERIES)]
SIGNS = [form.format(chr(code)) for form, code in product(["/{}", "/x{}", "/?x{}", "/?{}"], range(0x100))]
WHOLE = [scheme + host + port for scheme, host, port in product(SCHEMES, HOSTS, PORTS)]


def plain_calls(calls: Iterable[dict[str, Any]], **settings: Any) -> int:
    """How many of `calls` are plain; each of those has to be the same as httpx's."""
    client = road(**settings).client
    plain = PlainRequests(client)

    def wanted(**call: Any) -> Any:
        request = client.build_request(**call)
        return wire(request), facts(request)

    taken = 0
    for call in calls:
        made = plain.prepare(**call)
        if made is not None:
            taken += 1
            assert outcome(wanted, **call) == facts((made.head + b"\r\n" + made.content, facts(made.request()))), call
    return taken


def gets(urls: Iterable[str]) -> list[dict[str, Any]]:
    return [{"method": "GET", "url": url} for url in urls]


def test_urls_of_every_form() -> None:
    assert plain_calls(gets([*WHOLE, *[each + "/v1" for each in WHOLE]]), base_url="http://base") > 400
    assert plain_calls(gets(["http://orders" + each for each in PATHS + SIGNS])) > 1500
    assert plain_calls(gets(PATHS + SIGNS), base_url="http://base") > 1400


@pytest.mark.parametrize("base", BASES)
def test_urls_behind_a_base_of_every_form(base: str) -> None:
    taken = plain_calls(gets(PATHS), base_url=base)
    assert taken == 0 if base in {"", "http://u:p@base"} else taken > 600


def test_parameters_beside_a_query() -> None:
    given: list[Any] = [
        None,
        {},
        "",
        b"",
        "a=b",
        b"a=b",
        "&",
        "\xe4=+ ",
        {"a": 1, "b": [True, None, 2.5]},
        [("a", "b")],
    ]
    urls = ["/x", "http://orders/x", "http://orders/x?y=z", "/x?y=z#f", "http://orders", "/../x?y"]
    calls = [{"method": "GET", "url": url, "params": params} for url, params in product(urls, given)]
    for own, base in product((None, {"own": 1}, "own=2&a=3"), ("http://base/p", "http://base/p?q")):
        assert plain_calls(calls, base_url=base, params=own) == len(calls)


@pytest.mark.parametrize("kind", [dict, list, tuple, httpx.Headers])
def test_headers_of_every_form(kind: Any) -> None:
    octets = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in product(NAMES, VALUES)]
    pairs: list[Any] = [*octets, *product(NAMES, VALUES)]
    calls = []
    for pair in pairs:
        try:
            headers = kind([pair, ("X-Last", "1")])
        except UnicodeEncodeError:
            continue
        calls.append({"method": "POST", "url": "http://orders/", "headers": headers, "content": "12345"})
    assert plain_calls(calls, headers={"X-A": "own"}) > 150


def test_headers_that_take_the_place_of_a_clients() -> None:
    brought: list[Any] = [None, {"Host": "b"}, {"accept": "c"}, {"content-type": "d", "User-Agent": ""}, {"x-a": "1"}]
    bodies: list[Any] = [{}, {"json": 1}, {"content": b"x"}, {"method": "POST"}, {"method": "POST", "content": b""}]
    calls = [
        {"method": "GET", "url": "http://o/", "headers": headers, **body} for headers, body in product(brought, bodies)
    ]
    for own in ([("Accept", "a"), ("accept", "b"), ("Host", "own")], {"HOST": "own", "Content-Type": "c"}):
        assert plain_calls(calls, headers=own) == len(calls)
    unfit: list[Any] = [{"X-A": " "}, [("Host", "a"), ("host", "b")], {"Content-Length": "1"}, {"a\n": "b"}]
    for own in unfit:
        assert plain_calls(calls, headers=own) == 0
