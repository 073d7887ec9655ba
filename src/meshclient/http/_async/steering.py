"""Calls of a service with a traffic policy: sent where the policy says, copied, and told to the guard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.core.traffic.head import Head
from meshclient.http._async.mirroring import AsyncMirroring
from meshclient.http.options import call_options

if TYPE_CHECKING:
    import httpx

    from meshclient.http._async.mirroring import AsyncSend
    from meshclient.mesh import MeshService
    from meshclient.mesh.branches import Branches, Services


class AsyncSteering:
    """What a transport keeps for traffic policies: the copies under way."""

    def __init__(self) -> None:
        self._mirroring = AsyncMirroring()

    async def send(
        self, request: httpx.Request, service: MeshService, branches: Branches, services: Services, send: AsyncSend
    ) -> httpx.Response:
        """The response of the variant that the request goes to; raises what `send` raises.

        Args:
            request: addressed to `service`.
            service: by its own name.
            branches: its traffic policy.
            services: the mesh.
            send: makes one call of the service or subset it is given.
        """
        head = Head(request.method, request.url.path, request.headers.get)
        course = branches.choose(services, head, call_options(request, service).key)
        if branches.mirror is not None:
            shadow = branches.shadow(services)
            if shadow is not None:
                self._mirroring.offer(request, shadow, branches.mirror, service.uniform(), send)
        try:
            response = await send(request, course.target)
        except Exception as error:
            branches.ended(course, getattr(error, "mesh", None))
            raise
        branches.ended(course, response.extensions.get("mesh"))
        return response

    async def aclose(self) -> None:
        """Wait about a second for copies under way, and give up the rest."""
        await self._mirroring.aclose()
