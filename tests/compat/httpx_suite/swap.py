"""A pytest plugin: httpx's names stand for meshclient's classes, and known differences are marked as such.

All of it happens before a test module is imported. `HTTPX_SUITE_STAGE` says which classes (see run.py).
"""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import httpx._api
import httpx._main
import pytest
from uvicorn.config import HTTP_PROTOCOLS

import meshclient
from meshclient.engine.limits import PoolLimits
from meshclient.engine.tls import AdoptedContext
from meshclient.http._async.engine_transport import AsyncEngineTransport
from meshclient.http._sync.engine_transport import EngineTransport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EXPECTED = Path(__file__).with_name("expected.toml")
STAGE = os.environ.get("HTTPX_SUITE_STAGE", "client")
# The suite's own server under the name of a service. At stage "mesh" no test asks for it, but it is there, which puts
# the mesh's transports under a client.
SERVICES = {"orders": {"endpoints": ["127.0.0.1:8000"]}}


def pytest_configure() -> None:
    """Swap the classes; and serve the answers that the tests of the command line were written for."""
    HTTP_PROTOCOLS["auto"] = HTTP_PROTOCOLS["h11"]
    if STAGE == "engine":
        use_engine(httpx.Client, EngineTransport)
        use_engine(httpx.AsyncClient, AsyncEngineTransport)
    elif STAGE != "httpx":
        for name, client in (("Client", meshclient.Client), ("AsyncClient", meshclient.AsyncClient)):
            made: type[Any] = client if STAGE == "client" else with_services(client)
            for module in (httpx, httpx._api, httpx._main):
                if hasattr(module, name):
                    setattr(module, name, made)


def pytest_report_header() -> str:
    """Whom the tests judge."""
    return f"stage {STAGE}: {httpx.Client!r}, {httpx.AsyncClient!r}"


def use_engine(client: Any, transport: Callable[..., object]) -> None:
    """Where a client would make a transport for HTTP/1.1 without a proxy, it makes this one."""
    init = client._init_transport

    def made(self: object, **given: Any) -> object:
        if given.get("transport") is not None or given.get("http2") or not given.get("http1", True):
            return init(self, **given)
        context = httpx.create_ssl_context(given["verify"], given.get("cert"), given.get("trust_env", True))
        limits = given.get("limits", httpx.Limits())
        pool = PoolLimits(total=limits.max_connections or 0, idle=limits.max_keepalive_connections)
        return transport(tls=AdoptedContext(context), pool=pool)

    client._init_transport = made


def with_services(client: Any) -> type[Any]:
    """The same class, where every client has a service."""

    class Served(client):  # type: ignore[misc]  # whichever of ours it is
        def __init__(self, **arguments: object) -> None:
            super().__init__(services=SERVICES, **arguments)

    return Served


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A listed test has to fail; an entry has to fit a test, unless the tests were picked by name."""
    if STAGE == "service":
        sys.modules["tests.conftest"].TestServer.url = property(lambda _: httpx.URL("http://orders/"))
    files = {item.nodeid.partition("::")[0] for item in items}
    if STAGE == "engine":
        for item in items:
            if "trio" in item.name:
                item.add_marker(pytest.mark.skip(reason="the engine is asyncio's; our clients take httpx's for trio"))
    for name, reason, strict in differences():
        # Without parameters an entry means the test with each of them.
        fitting = [item for item in items if name in (item.nodeid, item.nodeid.partition("[")[0])]
        for item in fitting:
            item.add_marker(pytest.mark.xfail(reason=reason, strict=strict))
        if not fitting and name.partition("::")[0] in files and not any("::" in each for each in config.args):
            raise pytest.UsageError(f"{EXPECTED.name}: httpx has no test {name}")


def differences() -> Iterator[tuple[str, str, bool]]:
    """The tests that are expected to fail at this stage, each with the reason, and whether they have to."""
    for entry in tomllib.loads(EXPECTED.read_text("utf-8"))["difference"]:
        if STAGE in entry["stages"]:
            for name in entry["tests"]:
                yield name, entry["reason"], not entry.get("either", False)
