"""The resolver contract, against both API servers behind a proxy that can break the connection."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from meshclient.discovery.resolver import ResolverUri
from meshclient.model.endpoint import Endpoint
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Empty
from meshclient.testing.resolver_contract import ResolverContract
from meshclient_kubernetes import KubernetesResolver
from servers.faults import LinkFault

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from conftest import Kit

    from servers.faultproxies import FaultProxies
    from servers.kubernetes import ApiServer, Kubernetes, ScriptedKubernetes

pytestmark = pytest.mark.registry("kubernetes")


class _Contract(ResolverContract):
    """What holds for both servers."""

    api: ApiServer

    def _prepare(self, api: ApiServer, kit: Kit, fault_proxy: FaultProxies, folder: Path) -> None:
        self.api, self.kit = api, kit
        self.proxy = fault_proxy.tcp("127.0.0.1", api.port)
        self.token = folder / "token"
        self.token.write_text(api.admin)

    def resolver(self) -> KubernetesResolver:
        server = f"server=https://127.0.0.1:{self.proxy.port}&ca_file={self.api.tls.authority}"
        uri = ResolverUri.parse(f"kubernetes://shop?{server}&token_file={self.token}&wait=5&timeout=5")
        return KubernetesResolver(uri, environ={})

    def endpoint(self, number: int) -> Endpoint:
        """Slices may not hold addresses of the loopback network."""
        return Endpoint(f"10.1.{number // 250}.{number % 250 + 1}", 8080)

    def put(self, name: ServiceName, endpoints: Sequence[Endpoint]) -> None:
        self.api.set_slices(name.value, self.slices(name, endpoints))

    def slices(self, name: ServiceName, endpoints: Sequence[Endpoint]) -> list[dict[str, Any]]:
        """One slice for each endpoint, so that a large service is more than a page; one without any for none."""
        records = [[self.kit.endpoint(endpoint.host)] for endpoint in endpoints] or [[]]
        return [self.kit.slice(f"{name}-{number}", name.value, each) for number, each in enumerate(records)]

    def break_registry(self) -> None:
        self.proxy.set(LinkFault(reset=True))

    def mend_registry(self) -> None:
        self.proxy.clear()

    def test_names_with_underscores_and_capitals_are_found(self) -> None:
        """Capitals are folded; a name with an underscore is one that no Service can have, and no question is asked."""

        async def check() -> None:
            name = ServiceName.parse(self.kit.fresh("Mixed-Case"))
            await self._put(name, 0)
            async for answer in self.resolver().watch(name):
                self._expect(answer, 0)
                break
            asked = self.proxy.stats.connections
            async for answer in self.resolver().watch(ServiceName("with_underscore")):
                assert isinstance(answer, Empty)
                assert not answer.exists
                break
            assert self.proxy.stats.connections == asked

        asyncio.run(check())


class TestScriptedContract(_Contract):
    can_corrupt = True
    secret_values = ("t0k3n-reader",)

    @pytest.fixture(autouse=True)
    def _registry(self, scripted: ScriptedKubernetes, kit: Kit, fault_proxy: FaultProxies, tmp_path: Path) -> None:
        self._prepare(scripted, kit, fault_proxy, tmp_path)
        self.scripted = scripted
        self.token.write_text(scripted.reader)

    def corrupt(self, name: ServiceName) -> None:
        self.scripted.control(faults=[{"path": "endpointslices", "body": "[{"}], say="[{\n")

    def mend_registry(self) -> None:
        super().mend_registry()
        self.scripted.control(faults=[])

    def put(self, name: ServiceName, endpoints: Sequence[Endpoint]) -> None:
        if len(endpoints) == self.many:
            self.kit.apply(self.scripted, self.slices(name, endpoints))
        else:
            super().put(name, endpoints)


class TestRealContract(_Contract):
    secret_values = ("t0k3n-admin",)
    many = 120  # more than a page

    @pytest.fixture(autouse=True)
    def _registry(self, real_kubernetes: Kubernetes, kit: Kit, fault_proxy: FaultProxies, tmp_path: Path) -> None:
        self._prepare(real_kubernetes, kit, fault_proxy, tmp_path)
