"""The resolver contract, against a real Consul behind a proxy that can break the connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meshclient.discovery.resolver import ResolverUri
from meshclient.testing.resolver_contract import ResolverContract
from meshclient_consul import ConsulResolver
from servers.faults import HttpFault, LinkFault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshclient.model.endpoint import Endpoint
    from meshclient.model.service import ServiceName
    from servers.consul import Consul
    from servers.faultproxies import FaultProxies

pytestmark = pytest.mark.registry("consul")

SECRET = "b1e6c9a0-1c7e-4f0b-9d7a-5a1f6f3f2c11"


class TestConsulContract(ResolverContract):
    can_corrupt = True
    secret_values = (SECRET,)

    @pytest.fixture(autouse=True)
    def _registry(self, consul_acl: Consul, fault_proxy: FaultProxies) -> None:
        self.consul = consul_acl
        self.proxy = fault_proxy.http("127.0.0.1", consul_acl.port)
        if consul_acl.request("GET", "/v1/acl/token/self", token=SECRET).status != 200:
            token = {"SecretID": SECRET, "Policies": [{"Name": "meshclient-read"}]}
            consul_acl.call("PUT", "/v1/acl/token", token)

    def resolver(self) -> ConsulResolver:
        return ConsulResolver(
            ResolverUri.parse(f"{self.proxy.url}?wait=1s&token={SECRET}".replace("http", "consul", 1))
        )

    def put(self, name: ServiceName, endpoints: Sequence[Endpoint]) -> None:
        listed = self.consul.call("GET", f"/v1/health/service/{name}")
        wanted = {f"{name}-{e.host}-{e.port}": e for e in endpoints}
        for instance in {record["Service"]["ID"] for record in listed} - wanted.keys():
            self.consul.deregister(instance)
        for instance, endpoint in wanted.items():
            self.consul.register(name.value, endpoint.port, address=endpoint.host, instance=instance)

    def break_registry(self) -> None:
        self.proxy.set(LinkFault(reset=True))

    def mend_registry(self) -> None:
        self.proxy.clear()

    def corrupt(self, name: ServiceName) -> None:
        self.proxy.set(HttpFault(path=name.value, body="[{", set_headers={"Content-Encoding": None}))
