"""What the plugin's tests share: a Redis, and processes that share circuits through it."""

from __future__ import annotations

import secrets
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pybreaker import STATE_CLOSED

import unit.http.cached
from meshclient.discovery.resolver import ResolverUri
from meshclient.discovery.runtime.loop import BackgroundLoop
from meshclient.mesh.circuit import ServiceCircuit
from meshclient.mesh.circuit_rule import CircuitRule
from meshclient.model.outcome import Mark
from meshclient_redis import RedisCircuitStore, store
from servers.fixtures import shared_as
from servers.redis import Redis, TlsFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from meshclient.mesh.circuit_store import CircuitStore
    from meshclient.model.events import CircuitChanged, StoreChanged

WITHIN = 10.0
# Open for a tenth of a second, so that tests do not wait.
RULE = CircuitRule(ratio=None, consecutive=2, first=0.1, limit=0.1, probe=2.0)


def eventually(holds: Callable[[], object], what: str) -> None:
    """Wait until `holds`. Raises AssertionError where it does not within ten seconds."""
    end = time.monotonic() + WITHIN
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(f"no sign of {what} within {WITHIN:g} s")
        time.sleep(0.005)


class Caller:
    """What one process has: a store that is followed, and the circuit of a service."""

    def __init__(self, uri: str, service: str, rule: CircuitRule = RULE) -> None:
        self.store: CircuitStore = RedisCircuitStore(ResolverUri.parse(uri), environ={})
        self.told: list[StoreChanged] = []
        self.changes: list[CircuitChanged] = []
        self.storage = self.store.storage(service)
        self.circuit = ServiceCircuit(
            service,
            rule,
            clock=time.monotonic,
            uniform=lambda: 0.99,
            storage=self.storage,
            tell=self.changes.append,
        )
        self._loop = BackgroundLoop()
        self._job = self._loop.run(partial(self.store.follow, self.told.append))

    @property
    def state(self) -> str:
        return self.circuit.state

    def connected(self) -> None:
        eventually(lambda: not self.store.trouble, "Redis")

    def troubled(self, *words: str) -> None:
        eventually(lambda: self.told and self.told[-1].trouble and self.store.trouble, "trouble")
        missing = [word for word in words if word not in self.store.trouble]
        assert not missing, self.store.trouble

    def becomes(self, state: str) -> None:
        """Wait for the circuit's state, as this process knows it."""
        eventually(lambda: self.state == state, f"{state}, but {self.state}")

    def call(self, mark: Mark) -> bool:
        """One call; whether it was admitted."""
        permit = self.circuit.admit(time.monotonic())
        if permit is None:
            return False
        permit.done(mark, time.monotonic())
        return True

    def fail(self) -> None:
        """Let the circuit open."""
        for _ in range(2):
            assert self.call(Mark.FAILURE)

    def recover(self) -> None:
        """Call until a call has succeeded."""
        eventually(lambda: self.call(Mark.SUCCESS) and self.state == STATE_CLOSED, "a probe that closes the circuit")

    def stop(self) -> None:
        self._loop.cancel(self._job)
        self._job.ended.result(WITHIN)


class Kit:
    """The functions and classes above, for tests to reach without importing a conftest."""

    rule = RULE
    eventually = staticmethod(eventually)

    def __init__(self) -> None:
        self.callers: list[Caller] = []

    @staticmethod
    def fresh() -> str:
        return f"orders-{secrets.token_hex(4)}"

    def caller(self, uri: str, service: str, rule: CircuitRule = RULE) -> Caller:
        made = Caller(uri, service, rule)
        self.callers.append(made)
        return made

    @staticmethod
    def uri(port: int, options: str = "") -> str:
        return f"redis://127.0.0.1:{port}/0?interval=50ms&timeout=500ms&{options}"


@pytest.fixture
def kit(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kit]:
    """Stops what a test has started; a Redis that was away is asked again soon."""
    monkeypatch.setattr(store, "BACKOFF_LIMIT", 0.1)
    made = Kit()
    yield made
    for caller in made.callers:
        caller.stop()


@pytest.fixture(scope="session")
def tests_folder() -> Path:
    """Where the packages are that tests share, for processes that tests start."""
    return Path(unit.http.cached.__file__).parents[2]


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Redis]:
    """One Redis without a password, everything in memory."""
    with shared_as("redis_server", Redis()) as server:
        yield server


@pytest.fixture(scope="session")
def redis_password() -> Iterator[Redis]:
    """One Redis with a password."""
    with shared_as("redis_password", Redis(password="s3cret-word")) as server:
        yield server


@pytest.fixture(scope="session")
def redis_pems(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``ca.pem``, ``server.pem``, ``server.key``, ``client.pem``, ``client.key``."""
    import trustme

    folder = tmp_path_factory.mktemp("redis-tls")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    for name, identity in (("server", "127.0.0.1"), ("client", "client.example.com")):
        issued = authority.issue_cert(identity)
        issued.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")
        issued.private_key_pem.write_to_path(folder / f"{name}.key")
    return folder


@pytest.fixture(scope="session")
def redis_tls(redis_pems: Path) -> Iterator[Redis]:
    """One Redis with a TLS port that asks clients for a certificate."""
    files = TlsFiles(redis_pems / "ca.pem", redis_pems / "server.pem", redis_pems / "server.key")
    with shared_as("redis_tls", Redis(tls=files, ask_client=True)) as server:
        yield server
