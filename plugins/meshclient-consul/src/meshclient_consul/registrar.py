"""The registrar ``consul://``: an instance in the register of a Consul agent.

An instance belongs to the agent that took it: renewals and the farewell go there. Where that agent is gone and the URI
names others, the lease counts as lost and the next registration tries those; the record left behind ends by itself,
because its check is no longer renewed. Nothing stays open between calls, which are seconds apart and may come from
another event loop after a fork.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING
from urllib.parse import quote

from meshclient.registration.registrar import LeaseLost
from meshclient_consul.connection import Connection, Request
from meshclient_consul.definition import check_id, instance_id, service_definition
from meshclient_consul.errors import ConsulDenied, ConsulError, ConsulUnreachable, Purpose, exhausted
from meshclient_consul.options import ConsulOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from meshclient.discovery.resolver import ResolverUri
    from meshclient.model.endpoint import Endpoint
    from meshclient.registration.registrar import Registration

# Consul says 404 for an unknown service or, since 1.11, check; before that 500 with one of these texts.
_UNKNOWN = ("does not have associated ttl", "unknown check", "unknown service")


class ConsulRegistrar:
    """Lists instances in Consul, with a TTL check or, where the registration names a health path, an HTTP check.

    With an HTTP check the instance is listed as critical until Consul's first check has passed.

    Args:
        uri: the same URI as the resolver's; ``interval`` and ``deregister_after`` matter here.
        environ: where Consul's own variables are read, once, instead of the process's environment.
        transport: what carries the requests instead of the network.

    Raises ConfigError for an option that is unknown or wrong.
    """

    def __init__(
        self,
        uri: ResolverUri,
        *,
        environ: Mapping[str, str] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._options = ConsulOptions.parse(uri, os.environ if environ is None else environ)
        self.source = self._options.source
        # A watch hears of it at once, unless Consul's servers are busy.
        self.propagation = 1.0
        self.checks_health = True
        self._connection = Connection(self._options, transport)
        self._namespace = (("ns", self._options.namespace),) if self._options.namespace else ()
        self._homes: dict[str, int] = {}

    async def register(self, registration: Registration) -> None:
        """List the instance with the first agent that takes it, in place of what it has under this id.

        Raises ConsulDenied where the access rules refuse it and ConsulError where no agent takes it.
        """
        options = self._options
        body = service_definition(registration, interval=options.interval, deregister_after=options.deregister_after)
        request = self._request("PUT", "/v1/agent/service/register", registration, body, replace=True)
        first = self._homes.get(instance_id(registration), 0)
        failures: list[ConsulError] = []
        for step in range(len(options.servers)):
            home = (first + step) % len(options.servers)
            try:
                await self._expect(options.servers[home], request)
            except ConsulDenied:
                raise
            except ConsulError as exc:
                failures.append(exc)
            else:
                self._homes[instance_id(registration)] = home
                return
        raise exhausted(request.purpose, failures)

    async def renew(self, registration: Registration) -> None:
        """Renew the TTL; with an HTTP check, see that the agent still lists the instance.

        Raises LeaseLost where the agent does not know the instance, or cannot be reached while the URI names others;
        ConsulError for any other failure.
        """
        home = self._homes.get(instance_id(registration), 0)
        if registration.health:
            request = self._request("GET", f"/v1/agent/service/{_quoted(instance_id(registration))}", registration)
        else:
            request = self._request("PUT", f"/v1/agent/check/pass/{_quoted(check_id(registration))}", registration)
        try:
            await self._expect(self._options.servers[home], request)
        except ConsulUnreachable as exc:
            if len(self._options.servers) == 1:
                raise
            self._homes[instance_id(registration)] = (home + 1) % len(self._options.servers)
            raise LeaseLost(f"{exc}; registering with another agent") from None

    async def deregister(self, registration: Registration) -> None:
        """Take the instance out; an agent that does not know it is content."""
        home = self._homes.get(instance_id(registration), 0)
        path = f"/v1/agent/service/deregister/{_quoted(instance_id(registration))}"
        with contextlib.suppress(LeaseLost):
            await self._expect(self._options.servers[home], self._request("PUT", path, registration))
        self._homes.pop(instance_id(registration), None)

    async def close(self) -> None:
        """Nothing is held between calls."""

    def _request(
        self,
        method: str,
        path: str,
        registration: Registration,
        body: Mapping[str, object] | None = None,
        *,
        replace: bool = False,
    ) -> Request:
        what = f"instance {instance_id(registration)!r} of service '{registration.service}'"
        purpose = Purpose(what, f"service:write on '{registration.service}'")
        # What an earlier start of the same instance left behind, such as another kind of check, goes.
        params = (*self._namespace, ("replace-existing-checks", "true")) if replace else self._namespace
        return Request(method, path, purpose, params, body)

    async def _expect(self, server: Endpoint, request: Request) -> None:
        """Send; raise LeaseLost where Consul knows no such instance, ConsulError for any other failure."""
        async with self._connection.open() as client:
            response = await self._connection.send(client, server, request)
        if response.status_code == 200:
            return
        error = self._connection.error(response, server, request)
        body = response.text.lower()
        unknown = response.status_code == 500 and any(phrase in body for phrase in _UNKNOWN)
        # A plain 404 is a wrong address; Consul's own names the service or check.
        if unknown or (response.status_code == 404 and "unknown" in body):
            raise LeaseLost(str(error))
        raise error


def _quoted(text: str) -> str:
    return quote(text, safe="")
