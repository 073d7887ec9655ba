"""A mesh in memory, for the unit tests of programs that call services.

    >>> from meshclient.testing.fake_endpoint import FakeEndpoint
    >>> import httpx
    >>> broken, sound = FakeEndpoint(fail=httpx.ConnectError), FakeEndpoint(json={"id": 42})
    >>> with FakeMesh({"orders": [broken, sound]}) as mesh, mesh.client() as http:
    ...     for _ in range(10):
    ...         assert http.get("http://orders/v1/orders/42").json() == {"id": 42}
    ...     assert {call.service for call in mesh.calls} == {"orders"}
    ...     mesh.registry.fail("orders", "registry down")
    ...     http.get("http://orders/v1/orders/42").status_code
    200

Only the sockets and the registry are fake: requests are balanced, retried, ejected and reported by the same code as in
production, so ``response.extensions["mesh"]`` and every error are real too.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from meshclient.config.loaded import load
from meshclient.http import AsyncClient, Client
from meshclient.mesh import Mesh
from meshclient.model.endpoint import Endpoint
from meshclient.model.service import ServiceName
from meshclient.testing.fake_endpoint import FakeCall, FakeEndpoint, FakeWire, Handler
from meshclient.testing.fake_resolver import FakeResolver

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Unpack

    from meshclient.http.arguments import AsyncClientArguments, ClientArguments
    from meshclient.mesh import MeshService
    from meshclient.mesh.circuits import Circuits
    from meshclient.model.events import Observer
    from meshclient.testing.clock import ManualClock

Instance: TypeAlias = FakeEndpoint | Handler

# The first pause before a retry and the longest one.
NO_PAUSE = "0s..0s"


class FakeMesh(Mesh):
    """Services whose instances are Python objects.

    Retries follow without a pause: their back-off is 0 unless `defaults` say otherwise (a ``Retry-After`` is honoured,
    and really waited for). Neither files nor ``MESHCLIENT_...`` variables are read. Close it as any mesh.

    Args:
        services: the instances of each service: one or several, each a `FakeEndpoint` or a function from httpx.Request
            to httpx.Response.
        defaults: settings of every service, as for `Mesh`.
        settings: settings by service name, as `services` for `Mesh`.
        domains: as for `Mesh`.
        observers: as for `Mesh`.
        seed: of the random numbers that endpoints, jitter and faults are drawn by; the same ones each time.
        clock: a `ManualClock` for everything that is measured here: latencies, pauses and limits pass on it at once,
            and nothing really waits. Health checks, hedging and the registry's own pace stay with the machine's.

    Attributes:
        calls: everything that was sent, in order, failed attempts included.
        registry: what lists the instances; its methods make outages and changes of the list.
        endpoints: the addresses of each service's instances, in their order, to give to `registry`.

    Raises ValueError for a bad service name, ConfigError for a bad setting.
    """

    def __init__(
        self,
        services: Mapping[str, Instance | Sequence[Instance]],
        *,
        defaults: Mapping[str, object] | None = None,
        settings: Mapping[str, object] | None = None,
        domains: Sequence[str] = (),
        observers: Sequence[Observer] = (),
        seed: int | None = None,
        clock: ManualClock | None = None,
    ) -> None:
        self.clock: Callable[[], float] = time.monotonic if clock is None else clock
        arguments = {"defaults": _without_pause(defaults or {}), "services": settings or {}, "domains": domains}
        self.calls: list[FakeCall] = []
        self.endpoints: dict[str, tuple[Endpoint, ...]] = {}
        instances = []
        for text, given in services.items():
            name = ServiceName.parse(text).value
            fakes = [_fake(each) for each in (given if isinstance(given, Sequence) else [given])]
            # RFC 6761: names under .test are nobody's.
            self.endpoints[name] = tuple(Endpoint(f"{name}-{number}.test", 80) for number in range(1, len(fakes) + 1))
            instances += [(name, *pair) for pair in zip(self.endpoints[name], fakes, strict=True)]
        self.registry = FakeResolver(self.endpoints)
        self._wire = FakeWire(instances, self.calls, self.clock)
        self._begin(load(environ={}, cwd=Path("/"), arguments=arguments), self.registry, observers)
        if seed is not None:
            self._rng = random.Random(seed)

    def client(self, **arguments: Unpack[ClientArguments]) -> Client:
        """A client of this mesh.

        Args:
            arguments: as for httpx.Client, without ``transport``.
        """
        arguments["transport"] = self._wire
        return Client(mesh=self, **arguments)

    def async_client(self, **arguments: Unpack[AsyncClientArguments]) -> AsyncClient:
        """As `client`, asynchronous."""
        arguments["transport"] = self._wire
        return AsyncClient(mesh=self, **arguments)

    def _made(self, *arguments: Any) -> MeshService:  # noqa: ANN401 - handed on
        service = super()._made(*arguments)
        service.clock = self.clock
        return service

    @property
    def circuits(self) -> Circuits:
        """As `Mesh.circuits`."""
        if not self._circuits:
            from meshclient.mesh.circuits import Circuits

            made = Circuits(
                clock=self.clock, uniform=self._rng.random, listeners=self._circuit_listeners, tell=self._tell
            )
            self._circuits.append(made)
        return self._circuits[0]


def _fake(instance: Instance) -> FakeEndpoint:
    return instance if isinstance(instance, FakeEndpoint) else FakeEndpoint(handler=instance)


def _without_pause(defaults: Mapping[str, object]) -> dict[str, object]:
    retry = defaults.get("retry", True)
    if retry is False:
        return dict(defaults)
    return {**defaults, "retry": {"backoff": NO_PAUSE, **(retry if isinstance(retry, Mapping) else {})}}
