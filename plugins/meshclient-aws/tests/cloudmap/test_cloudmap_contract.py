"""The resolver contract, against the emulated Cloud Map behind a proxy that can break the connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meshclient.testing.resolver_contract import ResolverContract
from servers.faults import HttpFault, LinkFault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudmap.conftest import Space

    from meshclient.model.endpoint import Endpoint
    from meshclient.model.service import ServiceName
    from meshclient_aws import CloudMapResolver
    from servers.aws import Aws
    from servers.faultproxies import FaultProxies

pytestmark = pytest.mark.registry("cloudmap", "resolve", "watch", "faults")

SECRET = "q9Xk2vTn5-secret-of-this-test"


class TestCloudMapContract(ResolverContract):
    can_corrupt = True
    many = 120  # more than Cloud Map returns unless told otherwise
    secret_values = (SECRET,)

    @pytest.fixture(autouse=True)
    def _registry(self, aws: Aws, space: Space, fault_proxy: FaultProxies, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        self.space = space
        self.proxy = fault_proxy.http("127.0.0.1", aws.port)

    def resolver(self) -> CloudMapResolver:
        return self.space.resolver("interval=100ms&timeout=2s", url=self.proxy.url)

    def put(self, name: ServiceName, endpoints: Sequence[Endpoint]) -> None:
        wanted = {f"i-{e.host}-{e.port}": e for e in endpoints}
        self.space.service(name.value)
        listed = self.space.listed(name.value)
        for instance in listed.keys() - wanted.keys():
            self.space.remove(name.value, instance)
        for instance, endpoint in wanted.items():
            if instance not in listed:
                self.space.put(name.value, instance, endpoint.host, endpoint.port)

    def break_registry(self) -> None:
        self.proxy.set(LinkFault(reset=True))

    def mend_registry(self) -> None:
        self.proxy.clear()

    def corrupt(self, name: ServiceName) -> None:
        self.proxy.set(HttpFault(body="[{"))
