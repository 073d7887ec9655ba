"""``static://``: its spellings, and its one answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from meshclient.discovery.resolver import ResolverUri
from meshclient.discovery.static import StaticResolver
from meshclient.errors import ConfigError
from meshclient.model.endpoint import Endpoint
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Empty, Ready

if TYPE_CHECKING:
    from meshclient.discovery.resolver import Resolver


def answer(resolver: Resolver, name: str) -> object:
    async def first() -> object:
        async for found in resolver.watch(ServiceName.parse(name)):
            return found
        return None

    return asyncio.run(first())


def static(uri: str) -> StaticResolver:
    return StaticResolver(ResolverUri.parse(uri))


def urls(found: object) -> list[str]:
    assert isinstance(found, Ready)
    return [e.url for e in found.endpoints]


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("static://a:1,b:2", ["http://a:1", "http://b:2"]),
        ("static://[::1]:1,[fe80::2]:2", ["http://[::1]:1", "http://[fe80::2]:2"]),
        ("static://https://a", ["https://a:443"]),
        ("static://a", ["http://a:80"]),
    ],
)
def test_an_address_is_for_every_name(uri: str, expected: list[str]) -> None:
    resolver = static(uri)
    assert urls(answer(resolver, "orders")) == expected
    assert urls(answer(resolver, "Any_Thing")) == expected


def test_named_services_and_unknown_ones() -> None:
    resolver = static("static://?orders=a:1,https://b&Users=[::1]:3&none=")
    assert urls(answer(resolver, "ORDERS")) == ["http://a:1", "https://b:443"]
    assert urls(answer(resolver, "users")) == ["http://[::1]:3"]
    assert answer(resolver, "none") == Empty(exists=True, source=resolver.source)
    assert answer(resolver, "nobody") == Empty(exists=False, source=resolver.source)


def test_an_address_beside_named_services_is_for_the_others() -> None:
    resolver = static("static://c:3?orders=a:1")
    assert urls(answer(resolver, "orders")) == ["http://a:1"]
    assert urls(answer(resolver, "users")) == ["http://c:3"]


@pytest.mark.parametrize(
    ("uri", "text"),
    [
        ("static://", "has no endpoints: write static://host:port"),
        ("static://a:99999", "[0]: 'a:99999' is not an endpoint: Port out of range"),
        ("static://a:1,b:0", "[1]: port 0 of host 'b'"),
        ("static://a:1/path", "is not an endpoint"),
        ("static://?orders=a:1&ORDERS=b:1", "names the service orders twice"),
        ("static://?o r=a:1", "is not a service name"),
        ("static://?orders=ftp://a:1", "scheme 'ftp'"),
    ],
)
def test_bad_uris_say_what_is_wrong(uri: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        static(uri)
    assert text in str(caught.value)


def test_services_of_a_configuration() -> None:
    resolver = StaticResolver.of({"Orders": (Endpoint("a", 1),), "idle": ()}, source="meshclient.toml")
    found = answer(resolver, "orders")
    assert urls(found) == ["http://a:1"]
    assert isinstance(found, Ready)
    assert found.source == "meshclient.toml"
    assert answer(resolver, "idle") == Empty(exists=True, source="meshclient.toml")
    assert answer(resolver, "users") == Empty(exists=False, source="meshclient.toml")


@pytest.mark.parametrize(
    "uri",
    [
        "static://user:hunter2@host:80",
        "static://user:hunter2,x@host:80",
        "static://user:hunter2/x@host:80",
        "static://?orders=http://user:hunter2@host",
        "static://?user:hunter2@host",
        "static://a:1?a=b:1&user:hunter2@host=c:1",
    ],
)
def test_a_password_in_the_uri_is_not_shown(uri: str) -> None:
    with pytest.raises(ConfigError, match=r"\.\.\.@host|service host") as caught:
        StaticResolver(ResolverUri.parse(uri))
    assert "hunter2" not in str(caught.value)
