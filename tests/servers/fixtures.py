"""Pytest fixtures for the real servers, and the table that says what was shown on which of them.

Loaded by the conftest.py at the repository's root, so that the plugins' tests have them too. Nothing is
downloaded here: a server that is not installed skips its tests, or fails them where servers are required.

The session's servers are shared: a test uses service names of its own. Killing, pausing and restarting
them is allowed, since every test that used one leaves it healed; a single agent then comes back empty.
In a parallel run every process has a session, and servers, of its own; what a test used and showed travels
with its report to the process that prints the table.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import pytest

from servers.backend import Backend, Backends
from servers.census import census
from servers.consul import Consul, TlsFiles
from servers.dns import DnsServer
from servers.errors import NotInstalledError
from servers.faultproxies import FaultProxies
from servers.registries import contract_column, registries
from servers.requirement import required
from servers.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

S = TypeVar("S", bound=Server)

_shared: dict[str, tuple[Server, str]] = {}  # with its version: to ask for it starts a program
_measured: list[str] = []
_USED = pytest.StashKey[list[str]]()
_SERVER, _REGISTRY, _MEASURED = "server", "registry", "measured"  # names of a report's properties


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
    before = _shared.get(name)
    _shared[name] = started(server), server.version
    try:
        yield server
    finally:
        # A module may have one of its own beside the session's.
        del _shared[name]
        if before is not None:
            _shared[name] = before
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


@pytest.fixture(scope="session")
def _shared_pair() -> Iterator[tuple[Backend, Backend]]:
    factory = Backends()
    try:
        one, other = factory(2)
        yield one, other
    finally:
        factory.stop()


@pytest.fixture
def shared_backends(_shared_pair: tuple[Backend, Backend]) -> tuple[Backend, Backend]:
    """Two HTTP instances, b0 and b1, for tests that neither change how they behave nor read what they counted."""
    for backend in _shared_pair:
        backend.count()
    return _shared_pair


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Takes a line about what this test measured, for the end of the run."""
    properties: list[tuple[str, object]] = request.node.user_properties
    return lambda line: properties.append((_MEASURED, line))


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
    """Heal the shared servers that this test may have broken."""
    result = yield
    for name in item.stash.get(_USED, []):
        if name in _shared:  # not so after the last test
            _shared[name][0].heal()
    census.close()
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note in a test's report which servers it used and, where it has passed, what it showed of which registry."""
    report = yield
    if report.when != "teardown":
        item.stash[_USED] = _used_by(item)
    if report.when == "call":
        for name in item.stash[_USED]:
            server, version = _shared[name]
            census.used(server.product, version)
        report.user_properties.extend((_SERVER, used) for used in census.close())
        for mark in item.iter_markers("registry") if report.passed else ():
            inherited = isinstance(item, pytest.Function) and hasattr(item.cls, "break_registry")
            columns = (contract_column(item.name),) if inherited else mark.args[1:]
            report.user_properties.append((_REGISTRY, [mark.args[0], *columns]))
    return report


def _used_by(item: pytest.Item) -> list[str]:
    """The shared servers that were set up for a test, by their own names or as the value of another fixture."""
    values = list((getattr(item, "funcargs", None) or {}).values())
    return [name for name, (server, _) in _shared.items() if any(value is server for value in values)]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count what a report says, in whichever process its test ran."""
    servers = [str(value) for name, value in report.user_properties if name == _SERVER]
    census.count(servers)
    for name, value in report.user_properties:
        if name == _REGISTRY and isinstance(value, list | tuple):
            registries.passed(value[0], value[1:], servers)
        elif name == _MEASURED and report.when == "call":
            _measured.append(str(value))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was measured, which real servers ran, and what each registry was shown to do."""
    for line in [*_measured, *registries.table()]:
        terminalreporter.write_line(line)
    summary = census.summary()
    if summary:
        terminalreporter.write_line(f"real servers: {summary}")
