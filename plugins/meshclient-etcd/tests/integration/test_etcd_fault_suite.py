"""The fault suite of all resolvers, on a real etcd with users; and what its faults are called there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fault_suite import FaultSuite, case
from meshclient.discovery.resolver import ResolverUri
from meshclient_etcd import EtcdResolver
from servers.faults import HttpFault, LinkFault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servers.etcd import Etcd
    from servers.faultproxies import FaultProxies

pytestmark = pytest.mark.registry("etcd", "faults")

USER, SECRET = "suite", "Nq8-of-the-fault-suite"


def answered(path: str, body: str) -> HttpFault:
    return HttpFault(path=path, status=200, body=body)


class TestEtcdFaults(FaultSuite):
    secrets = (SECRET,)
    silence = (
        case(HttpFault(hang=True), says=["did not answer", "250ms"]),
        case(HttpFault(path="watch", hang=True), says=["watch", "did not answer"]),
    )
    errors = (
        case(HttpFault(status=500, body="oops"), says=["500", "oops"]),
        case(HttpFault(status=503, body='{"message": "etcdserver: no leader"}'), says=["503", "has no leader"]),
        case(HttpFault(status=404, body="Not Found"), says=["404", "client URL"]),
        case(HttpFault(status=301, headers={"Location": "http://127.0.0.1:1/"}), says=["301"]),
        case(HttpFault(path="watch", status=500, body="oops"), says=["watch", "500"]),
        case(
            answered("watch", '{"error": {"grpc_code": 14, "message": "etcdserver: no leader"}}\n'),
            says=["has no leader"],
        ),
        case(HttpFault(close=True), says=["broke off"]),
        case(HttpFault(reset=True), says=["broke off"]),
    )
    throttles = (
        case(HttpFault(status=429, body='{"message": "etcdserver: too many requests"}'), says=["429", "than it can"]),
        case(HttpFault(status=429, body="slow down"), says=["429", "limits its clients"]),
        case(HttpFault(status=503, body="try later"), says=["503", "try later"]),
    )
    garbage = (
        case(LinkFault(garbage=64), HttpFault(close=True), says=["broke off"]),
        case(answered("range", "<html>It works!</html>"), says=["malformed", "not JSON", "It works!"]),
        case(answered("range", "[]"), says=["malformed", "a list, not an object"]),
        case(answered("range", "{}"), says=["malformed", "header is missing"]),
        case(answered("range", '{"header": {"revision": "x"}}'), says=["malformed", "revision is not a whole number"]),
        case(answered("range", '{"header": {"revision": "5"}, "kvs": [{"key": "!"}]}'), says=["malformed", "base64"]),
        case(answered("range", '{"header": {"revision": "5"}, "kvs": [{"key": "eA=="}]}'), says=["not asked for"]),
        case(answered("watch", "<html>It works!</html>\n"), says=["watch", "malformed", "It works!"]),
    )
    truncation = (
        case(HttpFault(path="range", truncate=40), says=["broke off"]),
        case(answered("watch", ""), says=["watch", "ended its answer"]),
        case(answered("watch", '{"result": {"header"'), says=["watch", "not JSON"]),
    )
    denial = ("EtcdDenied", "403", f"user '{USER}'", "READ on keys")

    @pytest.fixture(autouse=True)
    def _registry(self, etcd_auth: Etcd, fault_proxy: FaultProxies) -> None:
        self.server = self.etcd = etcd_auth
        self.proxy = fault_proxy.http("127.0.0.1", etcd_auth.port)
        if etcd_auth.request("/v3/auth/user/get", {"name": USER}).status != 200:
            self.enroll()

    def enroll(self) -> None:
        self.etcd.call("/v3/auth/user/add", {"name": USER, "password": SECRET})
        self.permit()

    def resolver(self, timeout: float) -> EtcdResolver:
        options = f"wait=100ms&timeout={timeout}&user={USER}&password={SECRET}"
        return EtcdResolver(ResolverUri.parse(f"etcd://127.0.0.1:{self.proxy.port}/svc?{options}"), environ={})

    def write(self, name: str, numbers: Sequence[int]) -> None:
        self.etcd.register_many(name, len(numbers), first=numbers[0])

    def remove(self, name: str, number: int) -> None:
        self.etcd.delete(f"svc/{name}/{name}-{number}")

    def deny(self) -> None:
        self.etcd.call("/v3/auth/user/revoke", {"name": USER, "role": "reader"})

    def permit(self) -> None:
        self.etcd.call("/v3/auth/user/grant", {"user": USER, "role": "reader"})

    def prepare(self) -> None:
        """Users are data too: without them everybody is let in, until heal() has made them again."""
        self.etcd.kill()
        self.etcd.heal()
        self.enroll()
