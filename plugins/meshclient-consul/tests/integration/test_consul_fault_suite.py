"""The fault suite of all resolvers, on a real Consul that asks for a token; and what its faults are called there."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from fault_suite import FaultSuite, case, replaced
from meshclient.discovery.resolver import ResolverUri
from meshclient_consul import ConsulResolver
from servers.faults import HttpFault, LinkFault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servers.consul import Consul
    from servers.faultproxies import FaultProxies

pytestmark = pytest.mark.registry("consul", "faults")

SECRET = "5d0f7a3e-6f0c-4a54-9a36-8f4b1f0c2b77"


class TestConsulFaults(FaultSuite):
    secrets = (SECRET,)
    silence = (case(HttpFault(hang=True), says=["did not answer"]),)
    errors = (
        case(HttpFault(status=500, body="No cluster leader"), says=["500", "have no leader"]),
        case(HttpFault(status=500, body="No known Consul servers"), says=["500", "knows no Consul server"]),
        case(HttpFault(status=404, body="404 page not found"), says=["404", "HTTP address of a Consul agent"]),
        case(HttpFault(status=301, headers={"Location": "http://127.0.0.1:1/"}), says=["301"]),
        case(HttpFault(close=True), says=["broke off"]),
    )
    throttles = (
        case(HttpFault(status=429, body="Your IP is issuing too many"), says=["429", "limits its clients"]),
        case(HttpFault(status=503, body="try later"), says=["503", "try later"]),
    )
    garbage = (
        case(LinkFault(garbage=64), HttpFault(close=True), says=["broke off"]),
        case(replaced("<html>It works!</html>"), says=["malformed", "not JSON", "It works!"]),
        case(replaced('{"a": 1}'), says=["malformed", "an object, not a list"]),
        case(replaced("[1, 2]"), says=["malformed", "none of its 2 records"]),
        case(HttpFault(body="[]"), says=["compression"]),  # announced as gzip, and is not
    )
    denial = ("ConsulDenied", "403", "option token", "service:read", "node:read")
    loss = denial  # the token went with the rest

    @pytest.fixture(autouse=True)
    def _registry(self, consul_acl: Consul, fault_proxy: FaultProxies) -> None:
        self.server = self.consul = consul_acl
        self.proxy = fault_proxy.http("127.0.0.1", consul_acl.port)
        if consul_acl.request("GET", "/v1/acl/token/self", token=SECRET).status != 200:
            self.permit()

    def resolver(self, timeout: float) -> ConsulResolver:
        options = f"wait=200ms&timeout={timeout}&token={SECRET}"
        return ConsulResolver(ResolverUri.parse(f"consul://127.0.0.1:{self.proxy.port}?{options}"), environ={})

    def write(self, name: str, numbers: Sequence[int]) -> None:
        self.consul.register_many(name, len(numbers), first=numbers[0])

    def remove(self, name: str, number: int) -> None:
        self.consul.deregister_outside(f"{name}-{number}")

    def clean(self, name: str, count: int) -> None:
        """The whole node at once, which only register_many() writes to."""
        self.consul.call("PUT", "/v1/catalog/deregister", {"Node": "outside"})

    def deny(self) -> None:
        accessor = self.consul.request("GET", "/v1/acl/token/self", token=SECRET).json["AccessorID"]
        self.consul.call("DELETE", f"/v1/acl/token/{accessor}")

    def permit(self) -> None:
        token = {"SecretID": SECRET, "AccessorID": str(uuid.uuid4()), "Policies": [{"Name": "meshclient-read"}]}
        self.consul.call("PUT", "/v1/acl/token", token)

    def prepare(self) -> None:
        """Access rules are data as well."""
        self.permit()
