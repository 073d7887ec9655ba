"""meshclient's asynchronous rows: as users get it, all default policies on, three endpoints.

What only some rows use is imported by them, so that it does not count as memory of the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

import meshclient
from _clients.peers_async import calls, unlimited
from _clients.site import SERVICE

if TYPE_CHECKING:
    from _clients.peers_async import One
    from _clients.site import Site
    from _clients.workload import Workload


async def client(site: Site, work: Workload) -> One:
    made = meshclient.AsyncClient(
        services=site.services, limits=unlimited(httpx), verify=site.verify(), trust_env=False
    )
    return calls(made, SERVICE, work)


async def involved(site: Site, work: Workload) -> One:
    """What keeps a call off the short road: event hooks, authentication and cookies."""

    async def hook(_: object) -> None:
        pass

    made = meshclient.AsyncClient(
        services=site.services,
        limits=unlimited(httpx),
        verify=site.verify(),
        trust_env=False,
        event_hooks={"request": [hook], "response": [hook]},
        auth=("user", "password"),
        cookies={"session": "1234567890"},
    )
    return calls(made, SERVICE, work)


async def bare(site: Site, work: Workload) -> One:
    """The same client, asking a host that is no service: no policy."""
    made = meshclient.AsyncClient(
        services=site.services, limits=unlimited(httpx), verify=site.verify(), trust_env=False
    )
    return calls(made, site.origins[0], work)


async def transport(site: Site, work: Workload) -> One:
    mesh = meshclient.Mesh(services=site.services)
    made = httpx.AsyncClient(transport=meshclient.AsyncMeshTransport(mesh), trust_env=False)
    return calls(made, SERVICE, work)


async def channel(site: Site, work: Workload) -> One:
    from meshclient.rpc import AsyncChannel

    return calls(AsyncChannel(meshclient.Mesh(services=site.services), "orders"), "", work)


async def stub(site: Site, work: Workload) -> One:
    """A stub returns an object and no status: where the status is not 2xx it raises."""
    from _clients.orders import Orders, changed, replaced
    from meshclient.rpc import stub as stubs

    stubbed = stubs(Orders, meshclient.Mesh(services=site.services))
    if work.body is None:

        async def get() -> tuple[int, Any]:
            return 200, await stubbed.order()

        return get
    method: Any = stubbed.change if work.path == "/s" else stubbed.replace
    body: Any = changed if work.path == "/s" else replaced

    async def post() -> tuple[int, Any]:
        user, _, headers = work.numbered()
        return 200, await method(user, 2, body(user), headers["x-request-id"])

    return post


ROWS = {
    "client": client,
    "involved": involved,
    "bare": bare,
    "transport": transport,
    "channel": channel,
    "stub": stub,
}
