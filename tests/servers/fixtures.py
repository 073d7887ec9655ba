"""Pytest fixtures for the real servers, and the line that says which of them a run used.

Loaded by the conftest.py at the repository's root, so that the plugins' tests have them too. Nothing is
downloaded here: a server that is not installed skips its tests, or fails them where servers are required.

The session's servers are shared: a test uses service names of its own. Killing, pausing and restarting
them is allowed, since every test that used one leaves it healed; a single agent then comes back empty.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import pytest

from servers.backend import Backends
from servers.census import census
from servers.consul import Consul, TlsFiles
from servers.dns import DnsServer
from servers.errors import NotInstalledError
from servers.faultproxies import FaultProxies
from servers.registries import contract_column, registries
from servers.requirement import required
from servers.server import Server

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

S = TypeVar("S", bound=Server)

_shared: dict[str, Server] = {}
_PASSED = pytest.StashKey[bool]()


def started(server: S) -> S:
    """`server`, running; skips the test where it is not installed, or fails it where servers are required."""
    try:
        return server.start()
    except NotInstalledError as error:
        if required():
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))


@contextmanager
def shared_as(name: str, server: S) -> Iterator[S]:
    """`server` as the session fixture `name`: counted for each test that uses it, and healed after it."""
    _shared[name] = started(server)
    try:
        yield server
    finally:
        del _shared[name]
        server.stop()


@pytest.fixture(scope="session")
def consul() -> Iterator[Consul]:
    """One Consul agent, everything in memory."""
    with shared_as("consul", Consul()) as server:
        yield server


@pytest.fixture(scope="session")
def consul_cluster() -> Iterator[Consul]:
    """Three Consul servers at 127.0.0.11 to 13, their data on disk."""
    with shared_as("consul_cluster", Consul(nodes=3)) as server:
        yield server


@pytest.fixture(scope="session")
def consul_acl() -> Iterator[Consul]:
    """One Consul agent with access rules, default deny; see `tokens`."""
    with shared_as("consul_acl", Consul(acl=True)) as server:
        yield server


@pytest.fixture(scope="session")
def consul_tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Consul]:
    """One Consul agent with an HTTPS port (`https_url`), its authority's certificate at `tls.authority`."""
    import trustme

    folder = tmp_path_factory.mktemp("tls")
    files = TlsFiles(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1", "localhost", "n1.dc1.consul")
    authority.cert_pem.write_to_path(files.authority)
    server.cert_chain_pems[0].write_to_path(files.certificate)
    server.private_key_pem.write_to_path(files.key)
    with shared_as("consul_tls", Consul(tls=files)) as agent:
        yield agent


@pytest.fixture
def own_consul() -> Iterator[Consul]:
    """A Consul agent for this test alone, its index near 1."""
    server = started(Consul())
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def dns_server() -> Iterator[DnsServer]:
    """An authoritative name server for mesh.test."""
    with shared_as("dns_server", DnsServer()) as server:
        yield server


@pytest.fixture
def backends() -> Iterator[Backends]:
    """Starts HTTP instances: `a, b, c = backends(3)`."""
    factory = Backends()
    try:
        yield factory
    finally:
        factory.stop()


@pytest.fixture
def fault_proxy() -> Iterator[FaultProxies]:
    """Starts fault proxies: `fault_proxy.tcp(host, port)`, `.http(...)`, `.dns(...)`."""
    factory = FaultProxies()
    try:
        yield factory
    finally:
        factory.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Count the servers of this test, and heal those that it may have broken."""
    result = yield
    for name in getattr(item, "fixturenames", ()):
        server = _shared.get(name)
        if server is not None:
            census.shared(server.product)
            server.heal()
    servers = census.test_ended()
    if item.stash.get(_PASSED, False):
        for mark in item.iter_markers("registry"):
            inherited = isinstance(item, pytest.Function) and hasattr(item.cls, "break_registry")
            columns = (contract_column(item.name),) if inherited else mark.args[1:]
            registries.passed(mark.args[0], columns, servers)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note whether the test itself has passed."""
    report = yield
    if report.when == "call":
        item.stash[_PASSED] = report.passed
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which real servers ran, and what each registry was shown to do."""
    for line in registries.table():
        terminalreporter.write_line(line)
    summary = census.summary()
    if summary:
        terminalreporter.write_line(f"real servers: {summary}")
