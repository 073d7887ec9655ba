"""The resolver contract, against a real Eureka behind a proxy that can break the connection."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from meshclient.discovery.resolver import ResolverUri
from meshclient.testing.resolver_contract import ResolverContract
from meshclient_eureka import EurekaResolver
from servers.faults import HttpFault, LinkFault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshclient.model.endpoint import Endpoint
    from meshclient.model.service import ServiceName
    from servers.eureka import Eureka
    from servers.faultproxies import FaultProxies

pytestmark = pytest.mark.registry("eureka", "resolve", "watch")

SECRET = "f3b6c9a0-of-the-operator"


class TestEurekaContract(ResolverContract):
    can_corrupt = True
    secret_values = (SECRET,)

    @pytest.fixture(autouse=True)
    def _registry(self, eureka: Eureka, fault_proxy: FaultProxies) -> None:
        self.eureka = eureka
        self.proxy = fault_proxy.http(eureka.host(), eureka.port)

    def resolver(self) -> EurekaResolver:
        address = self.proxy.url.removeprefix("http://")
        return EurekaResolver(
            ResolverUri.parse(f"eureka://{address}/eureka?interval=100ms&user=meshclient&password={SECRET}")
        )

    def put(self, name: ServiceName, endpoints: Sequence[Endpoint]) -> None:
        wanted = {f"{name}-{e.host}-{e.port}": e for e in endpoints}
        for instance in set(self.eureka.instances(name.value)) - wanted.keys():
            self.eureka.cancel(name.value, instance)
        with ThreadPoolExecutor(4) as pool:
            for done in [
                pool.submit(self.eureka.register, name.value, e.port, host=e.host, instance=instance)
                for instance, e in wanted.items()
            ]:
                done.result()

    def break_registry(self) -> None:
        self.proxy.set(LinkFault(reset=True))

    def mend_registry(self) -> None:
        self.proxy.clear()

    def corrupt(self, name: ServiceName) -> None:
        self.proxy.set(HttpFault(body='{"applications": [', set_headers={"Content-Encoding": None}))
