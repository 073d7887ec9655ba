"""An instance that leaves a real etcd while its health check fails, and returns: etcd itself knows a TTL alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meshclient.mesh.mesh import Mesh
from servers.process import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Kit

    from servers.backend import Backend, Backends
    from servers.etcd import Etcd

pytestmark = pytest.mark.registry("etcd", "register", "deregister")

BOUND = 60.0


def test_an_instance_leaves_and_returns_by_its_health(
    kit: Kit, etcd: Etcd, backends: Backends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (backend,) = backends(1)
    name = kit.fresh()
    # The time to live is far longer than the test may take: what is taken out is so by the health check.
    ttl = 1.5 * BOUND
    monkeypatch.setattr("meshclient.registration.stay.RENEWALS_PER_TTL", ttl / 0.2)

    def asked(backend: Backend) -> int:
        return int(backend.stats()["paths"].get("/healthz", 0))

    with Mesh(kit.uri(etcd), discovery={"hold": False}) as mesh:

        def listed() -> list[int]:
            snapshot = mesh.warm(name)[name]
            assert snapshot.state in ("ready", "empty"), snapshot
            # One that is empty may still name its last endpoints.
            return [endpoint.port for endpoint in snapshot.endpoints] if snapshot.state == "ready" else []

        backend.control(status=503)
        with mesh.register(name, host="127.0.0.1", port=backend.port, health="/healthz", ttl=ttl) as lease:
            wait_until(lambda: asked(backend) >= 2, BOUND, "checks that fail")
            assert (listed(), lease.listed) == ([], False)
            backend.control()
            for _ in range(2):
                wait_until(lambda: listed() == [backend.port], BOUND, "the instance")
                checks = asked(backend)
                wait_until(lambda: asked(backend) >= checks + 3, BOUND, "further checks")  # noqa: B023 - called at once
                assert listed() == [backend.port]
                backend.control(status=503)
                wait_until(lambda: not listed(), BOUND, "its absence")
                # etcd tells its watchers before it answers whoever wrote.
                wait_until(lambda: not lease.listed, BOUND, "the lease to know")
                backend.control()
            wait_until(lambda: listed() == [backend.port], BOUND, "the return")
            wait_until(lambda: lease.listed, BOUND, "the lease to know")
        wait_until(lambda: not listed(), BOUND, "the farewell")
