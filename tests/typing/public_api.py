"""What type checkers make of the public names: checked by mypy and pyright in `make lint`, and never run.

``assert_type`` fails where a type is lost to Any or changes; the lines with an ignored error fail where the error is
gone, for both checkers report an ignore that nothing needs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Protocol, assert_type

import httpx

import meshclient
from meshclient import Endpoint, Mesh
from meshclient.discovery.resolver import Resolver
from meshclient.model.events import AttemptFinished, Event
from meshclient.model.report import AttemptReport, CallReport
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Empty, Failed, Pending, Ready, Snapshot
from meshclient.rpc import AsyncChannel, Channel, get, service, stub


def clients(mesh: Mesh) -> None:
    with meshclient.Client("static://10.0.0.1:80", timeout=2.0, defaults={"deadline": 1}) as http:
        assert_type(http, meshclient.Client)
        assert_type(http.get("http://orders/"), httpx.Response)
        assert_type(http.mesh, Mesh)
    httpx.Client(transport=meshclient.MeshTransport(mesh))
    httpx.AsyncClient(mounts={"mesh://": meshclient.AsyncMeshTransport(mesh)})
    meshclient.Client(resolver=42)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    meshclient.Client(unheard_of=True)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]


async def asynchronous(mesh: Mesh) -> None:
    async with meshclient.AsyncClient(mesh=mesh) as http:
        assert_type(http, meshclient.AsyncClient)
        assert_type(await http.get("http://orders/"), httpx.Response)


def meshes() -> None:
    mesh = Mesh.from_config("meshclient.toml", sets=["defaults.deadline=1s"], observers=[told])
    assert_type(mesh, Mesh)
    assert_type(mesh.warm("orders", timeout=1.0), dict[str, Snapshot])
    assert_type(mesh.channel("orders", deadline=0.5), AsyncChannel)
    assert_type(mesh.sync_channel("orders").get("/v1"), httpx.Response)
    mesh.channel("orders", dedline=0.5)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    with mesh.register("orders", port=8080, health="/healthz"):
        pass
    with meshclient.override(deadline=0.5):
        pass


def told(event: Event) -> None:
    if isinstance(event, AttemptFinished):
        assert_type(event.endpoint, Endpoint)


def reports(report: CallReport) -> None:
    assert_type(report.attempts, tuple[AttemptReport, ...])
    assert_type(report.endpoint, Endpoint | None)
    assert_type(report.as_dict(), dict[str, object])


def lists(snapshot: Snapshot) -> str:
    match snapshot:
        case Ready():
            return snapshot.endpoints[0].url
        case Empty():
            return str(snapshot.exists)
        case Failed():
            return snapshot.cause
        case Pending():
            return snapshot.source


class Orders(Protocol):
    """A service as a class."""

    @get("/v1/orders/{number}")
    def order(self, number: int, expand: str | None = None) -> dict[str, int]: ...


def stubs(http: meshclient.Client, channel: Channel) -> None:
    orders = stub(service("orders")(Orders), http)
    assert_type(orders.order(42), dict[str, int])
    orders.order("42")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


class Own:
    """A resolver of somebody else's."""

    source = "own://"

    async def watch(self, name: ServiceName) -> AsyncIterator[Ready | Empty | Failed]:
        yield Ready((Endpoint("10.0.0.1", 80),), source=self.source, at=0.0)

    async def aclose(self) -> None:
        """Nothing to close."""


def plugins(own: Own) -> Resolver:
    meshclient.Client(own)
    return own


def errors(send: Callable[[], httpx.Response]) -> Mapping[str, object] | None:
    try:
        send()
    except meshclient.CircuitOpen as error:
        assert_type(error.retry_after, float)
    except (meshclient.DeadlineExceeded, meshclient.NoEndpoints) as error:
        assert_type(error.mesh, CallReport | None)
        return None if error.mesh is None else error.mesh.as_dict()
    return None
