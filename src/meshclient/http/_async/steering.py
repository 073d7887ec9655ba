"""Calls of a service with a traffic policy: sent where the policy says, copied, and told to the guard."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from meshclient.core.traffic.head import Head
from meshclient.errors import MeshError, ResolverUnavailable
from meshclient.http._async.mirroring import AsyncMirroring
from meshclient.http.errors import flavoured
from meshclient.http.options import call_options
from meshclient.model.report import CallReport

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
        """The response of the variant that the request goes to; raises what `send` raises, and ResolverUnavailable.

        Args:
            request: addressed to `service`.
            service: by its own name.
            branches: its traffic policy.
            services: the mesh.
            send: makes one call of the service or subset it is given.
        """
        head = Head(request.method, request.url.path, request.headers.get)
        try:
            course = branches.choose(services, head, call_options(request, service).key)
        except ResolverUnavailable as error:
            raise flavoured(error, error.mesh or CallReport(service.name), request) from error.__cause__
        if branches.mirror is not None:
            # A shadow that cannot be looked for is no reason for the call to fail.
            with suppress(MeshError):
                shadow = branches.shadow(services)
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
