"""``env://``: which variables are read, and which mistakes are named."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from meshclient.discovery.env import EnvResolver
from meshclient.discovery.resolver import ResolverUri
from meshclient.errors import ConfigError
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Empty

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient.model.snapshot import Failed, Ready


def answer(name: str, environ: Mapping[str, str]) -> Ready | Empty | Failed:
    return first(EnvResolver(ResolverUri.parse("env://"), environ=environ), name)


def first(resolver: EnvResolver, name: str) -> Ready | Empty | Failed:
    async def run() -> Ready | Empty | Failed:
        async for found in resolver.watch(ServiceName.parse(name)):
            return found
        raise AssertionError

    return asyncio.run(run())


def urls(name: str, environ: Mapping[str, str]) -> list[str]:
    return [e.url for e in answer(name, environ).endpoints]


@pytest.mark.parametrize(
    ("name", "environ"),
    [
        ("orders", {"MESHCLIENT_SERVICES__ORDERS__ENDPOINTS": "http://a:1,http://b:2"}),
        ("orders", {"MESHCLIENT_SERVICES__ORDERS": "a:1,b:2"}),
        ("orders", {"meshclient_services__orders__endpoints": "a:1,b:2"}),
        ("my-orders.eu", {"MESHCLIENT_SERVICES__MY_ORDERS_EU": "a:1,b:2"}),
        ("my_orders", {"MESHCLIENT_SERVICES__MY_ORDERS": "a:1,b:2"}),
        ("Orders", {"services__orders__http__0": "http://a:1", "services__orders__http__1": "http://b:2"}),
        (
            "my-orders",
            {"services__my-orders__default__0": "http://a:1", "services__my-orders__default__1": "http://b:2"},
        ),
        ("my-orders", {"services__my_orders__web__api__0": "http://a:1", "services__my_orders__grpc__3": "http://b:2"}),
        ("orders", {"MESHCLIENT_SERVICES__ORDERS": "a:1,b:2", "services__orders__http__0": "http://c:3"}),
    ],
)
def test_the_endpoints_of_a_service(name: str, environ: dict[str, str]) -> None:
    noise = {"MESHCLIENT_SERVICES__ORDERS__DEADLINE": "1s", "MESHCLIENT_SERVICES__ORDERSX": "x:9", "PATH": "/bin"}
    assert urls(name, noise | environ) == ["http://a:1", "http://b:2"]


def test_schemes_of_aspire_are_kept() -> None:
    environ = {"services__orders__https__0": "https://a:8443", "services__orders__http__0": "http://a:8080"}
    assert urls("orders", environ) == ["http://a:8080", "https://a:8443"]


def test_an_unset_service_is_unknown_and_an_empty_one_is_empty() -> None:
    assert answer("orders", {"MESHCLIENT_SERVICES__USERS": "a:1"}) == Empty(exists=False, source="env://")
    assert answer("orders", {"MESHCLIENT_SERVICES__ORDERS": ""}) == Empty(exists=True, source="env://")


@pytest.mark.parametrize(
    ("environ", "text"),
    [
        ({"MESHCLIENT_SERVICES__ORDERS__ENDPOINTS": "a:1,b:x"}, "MESHCLIENT_SERVICES__ORDERS__ENDPOINTS[1]: 'b:x'"),
        ({"services__orders__http__0": "tcp://a:1"}, "services__orders__http__0[0]: scheme 'tcp'"),
        (
            {"MESHCLIENT_SERVICES__ORDERS__ENDPOINTS": "a:1", "MESHCLIENT_SERVICES__ORDERS": "b:1"},
            "MESHCLIENT_SERVICES__ORDERS and MESHCLIENT_SERVICES__ORDERS__ENDPOINTS both list",
        ),
    ],
)
def test_a_bad_value_names_its_variable(environ: dict[str, str], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        answer("orders", environ)
    assert str(caught.value).startswith(text)


def test_the_process_environment_is_read_by_each_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = EnvResolver(ResolverUri.parse("env://"))
    for port in (1, 2):
        monkeypatch.setenv("MESHCLIENT_SERVICES__ENVTEST", f"a:{port}")
        assert [e.port for e in first(resolver, "envtest").endpoints] == [port]


@pytest.mark.parametrize("uri", ["env://host", "env:///path", "env://?prefix=X"])
def test_a_bad_uri_is_refused(uri: str) -> None:
    with pytest.raises(ConfigError):
        EnvResolver(ResolverUri.parse(uri))
