"""The registrar ``etcd://``: a key that lives as long as its lease.

The record stands under ``<prefix>/<service>/<instance>``, so that an instance which comes back under its id takes the
place of its own record and of no other. Renewing keeps the lease alive; when the process dies, etcd takes the record
out with the lease. Leaving revokes the lease, which removes the record only while it hangs on that lease: the record of
a successor under the same id stays. Nothing stays open between calls, which are seconds apart and may come from another
event loop after a fork.
"""

from __future__ import annotations

import contextlib
import math
import os
from typing import TYPE_CHECKING

from meshclient.discovery.http_registry.fields import PayloadError, table
from meshclient.registration.registrar import LeaseLost
from meshclient_etcd.connection import Connection, Request
from meshclient_etcd.errors import EtcdDenied, EtcdError, LeaseUnknown, Purpose, exhausted, payload_error
from meshclient_etcd.options import EtcdOptions
from meshclient_etcd.record import encode_record, instance_id
from meshclient_etcd.wire import encoded, number

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from meshclient.discovery.resolver import ResolverUri
    from meshclient.registration.registrar import Registration


class EtcdRegistrar:
    """Lists instances in etcd, each with a lease of its own.

    etcd checks no instance, so a health path in the registration is left to the caller.

    Args:
        uri: the same URI as the resolver's.
        environ: where etcdctl's variables are read, once, instead of the process's environment.
        transport: what carries the requests instead of the network.

    Raises ConfigError for an option that is unknown or wrong.

    Attributes:
        propagation: seconds until no reader sees an instance any more that has been taken out.
    """

    propagation: float = 1.0

    def __init__(
        self,
        uri: ResolverUri,
        *,
        environ: Mapping[str, str] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._options = EtcdOptions.parse(uri, os.environ if environ is None else environ)
        self.source = self._options.source
        self._connection = Connection(self._options, transport)
        self._preferred = 0
        self._leases: dict[str, int] = {}

    async def register(self, registration: Registration) -> None:
        """Write the record, in place of what stands under this id, on a lease of the registration's ttl.

        A lease that is still alive is used again. The ttl is rounded up to whole seconds, by etcd to
        one and a half times its election time-out at least.

        Raises EtcdDenied where the access rules refuse it and EtcdError where no member takes it.
        """
        key = self._key(registration)
        async with self._connection.open() as client:
            lease = self._leases.get(key)
            if lease is None or not await self._kept(client, registration, lease):
                lease = self._leases[key] = await self._granted(client, registration)
            body = {"key": encoded(key.encode()), "value": encoded(encode_record(registration).encode())}
            await self._ask(client, registration, "/v3/kv/put", {**body, "lease": str(lease)})

    async def renew(self, registration: Registration) -> None:
        """Keep the lease alive, and see that the record is still there.

        Raises LeaseLost where either is gone, EtcdError for any other failure.
        """
        key = self._key(registration)
        lease = self._leases.get(key)
        if lease is None:
            raise LeaseLost(f"{self.source} has no lease for {self._purpose(registration).what}")
        async with self._connection.open() as client:
            if not await self._kept(client, registration, lease):
                del self._leases[key]
                raise LeaseLost(f"the lease of {self._purpose(registration).what} at {self.source} has run out")
            body = {"key": encoded(key.encode()), "count_only": True}
            answer = await self._ask(client, registration, "/v3/kv/range", body)
        if not self._number(answer.get("count"), "count", registration):
            raise LeaseLost(f"{self._purpose(registration).what} is no longer listed at {self.source}")

    async def deregister(self, registration: Registration) -> None:
        """Take the instance out; content where it is not listed."""
        key = self._key(registration)
        lease = self._leases.get(key)
        async with self._connection.open() as client:
            if lease is None:
                await self._ask(client, registration, "/v3/kv/deleterange", {"key": encoded(key.encode())})
            else:
                with contextlib.suppress(LeaseUnknown):
                    await self._ask(client, registration, "/v3/lease/revoke", {"ID": str(lease)})
        self._leases.pop(key, None)

    async def close(self) -> None:
        """Nothing is held between calls."""

    async def _granted(self, client: httpx.AsyncClient, registration: Registration) -> int:
        answer = await self._ask(client, registration, "/v3/lease/grant", {"TTL": str(math.ceil(registration.ttl))})
        lease = self._number(answer.get("ID"), "ID", registration)
        if not lease:  # sent along with a record, 0 would make it stay for ever
            raise self._malformed(PayloadError("it names no lease"), registration)
        return lease

    async def _kept(self, client: httpx.AsyncClient, registration: Registration, lease: int) -> bool:
        """Keep a lease alive; whether there is one."""
        try:
            answer = await self._ask(client, registration, "/v3/lease/keepalive", {"ID": str(lease)})
        except LeaseUnknown:
            return False
        try:
            result = table(answer.get("result"), "result")
        except PayloadError as exc:
            raise self._malformed(exc, registration) from None
        # For a lease it does not know etcd answers without a TTL.
        return self._number(result.get("TTL"), "TTL", registration) > 0

    async def _ask(
        self, client: httpx.AsyncClient, registration: Registration, path: str, body: Mapping[str, object]
    ) -> Mapping[str, object]:
        """The answer of the first member that has one, the one that answered last before the others."""
        request = Request(path, body, self._purpose(registration))
        failures: list[EtcdError] = []
        for _ in self._options.servers:
            try:
                return await self._connection.ask(client, self._options.servers[self._preferred], request)
            except (EtcdDenied, LeaseUnknown):
                raise
            except EtcdError as exc:
                failures.append(exc)
                self._preferred = (self._preferred + 1) % len(self._options.servers)
        raise exhausted(request.purpose, failures)

    def _number(self, value: object, name: str, registration: Registration) -> int:
        try:
            return number(value, name)
        except PayloadError as exc:
            raise self._malformed(exc, registration) from None

    def _malformed(self, problem: PayloadError, registration: Registration) -> EtcdError:
        server = self._options.servers[self._preferred]
        return payload_error(server.authority, server.url, self._purpose(registration), problem)

    def _key(self, registration: Registration) -> str:
        return f"{self._options.prefix}{registration.service}/{instance_id(registration)}"

    def _purpose(self, registration: Registration) -> Purpose:
        what = f"instance {instance_id(registration)!r} of service '{registration.service}'"
        return Purpose(what, f"READWRITE on keys that begin with '{self._options.prefix}{registration.service}/'")
