"""The resolver contract, against a real etcd with users, behind a proxy that can break the connection."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from meshclient.discovery.resolver import ResolverUri
from meshclient.testing.resolver_contract import ResolverContract
from meshclient_etcd import EtcdResolver
from servers.etcd import encoded
from servers.faults import HttpFault, LinkFault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshclient.model.endpoint import Endpoint
    from meshclient.model.service import ServiceName
    from servers.etcd import Etcd
    from servers.faultproxies import FaultProxies

pytestmark = pytest.mark.registry("etcd", "resolve", "watch", "faults")

SECRET = "correct-horse"


class TestEtcdContract(ResolverContract):
    can_corrupt = True
    secret_values = (SECRET,)

    @pytest.fixture(autouse=True)
    def _registry(self, etcd_auth: Etcd, fault_proxy: FaultProxies) -> None:
        self.etcd = etcd_auth
        self.proxy = fault_proxy.http("127.0.0.1", etcd_auth.port)
        if etcd_auth.request("/v3/auth/user/get", {"name": "contract"}).status != 200:
            etcd_auth.call("/v3/auth/user/add", {"name": "contract", "password": SECRET})
            etcd_auth.call("/v3/auth/user/grant", {"user": "contract", "role": "reader"})

    def resolver(self) -> EtcdResolver:
        return EtcdResolver(
            ResolverUri.parse(f"etcd://127.0.0.1:{self.proxy.port}/svc?wait=300ms&user=contract&password={SECRET}"),
            environ={},
        )

    def put(self, name: ServiceName, endpoints: Sequence[Endpoint]) -> None:
        wanted = {f"svc/{name}/{e.host}:{e.port}": e for e in endpoints}
        changes: list[object] = [
            {"request_delete_range": {"key": encoded(key)}}
            for key in self.etcd.keys(f"svc/{name}/")
            if key not in wanted
        ]
        for key, endpoint in wanted.items():
            record = json.dumps({"host": endpoint.host, "port": endpoint.port})
            changes.append({"request_put": {"key": encoded(key), "value": encoded(record)}})
        for start in range(0, len(changes), 100):
            self.etcd.call("/v3/kv/txn", {"success": changes[start : start + 100]})

    def break_registry(self) -> None:
        self.proxy.set(LinkFault(reset=True))

    def mend_registry(self) -> None:
        self.proxy.clear()

    def corrupt(self, name: ServiceName) -> None:
        del name  # it stands in the body, as base64
        self.proxy.set(HttpFault(path="/v3/kv/range", body='{"header":'), HttpFault(path="/v3/watch", body="]"))
