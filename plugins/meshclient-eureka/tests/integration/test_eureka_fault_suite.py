"""The fault suite of all resolvers, on a real Eureka; and what its faults are called there."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from fault_suite import FaultSuite, case, replaced
from meshclient.discovery.resolver import ResolverUri
from meshclient_eureka import EurekaResolver
from servers.faults import HttpFault, LinkFault
from servers.rest import expect

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from servers.eureka import Eureka
    from servers.faultproxies import FaultProxies

pytestmark = pytest.mark.registry("eureka", "faults")

BATCH = 250  # what a peer sends at once
SECRET = "k2Vd-of-the-fault-suite"


def told(name: str, instance: str, action: str) -> dict[str, object]:
    stamp = int(time.time() * 1000)
    return {"appName": name.upper(), "id": instance, "action": action, "status": "UP", "lastDirtyTimestamp": stamp}


class TestEurekaFaults(FaultSuite):
    secrets = (SECRET,)
    gone = (
        case(LinkFault(refuse=True, reset=True), says=["cannot be reached"]),
        case(LinkFault(blackhole=True, reset=True), says=["did not answer", "250ms"]),
    )
    silence = (case(HttpFault(hang=True), says=["did not answer", "250ms"]),)
    errors = (
        case(HttpFault(status=500, body="java.lang.NullPointerException"), says=["500", "NullPointer"]),
        case(HttpFault(status=404), says=["404", "path the one Eureka answers under"]),
        case(HttpFault(status=403), says=["403", "has just started"]),
        case(HttpFault(status=302, headers={"Location": "http://127.0.0.1:1/"}), says=["302"]),
        case(HttpFault(close=True), says=["broke off"]),
        case(HttpFault(reset=True), says=["broke off"]),
    )
    throttles = (
        case(HttpFault(status=429), says=["429", "raise the option interval"]),
        case(HttpFault(status=503), says=["503", "limits its clients"]),
    )
    garbage = (
        case(LinkFault(garbage=64), HttpFault(close=True), says=["broke off"]),
        case(replaced("<html>It works!</html>"), says=["malformed", "not JSON", "It works!"]),
        case(replaced('{"a": 1}'), says=["malformed", "without 'applications'"]),
        case(replaced('{"applications": {}}'), says=["malformed", "neither a list nor a hash code"]),
        case(
            replaced('{"applications": {"apps__hashcode": "UP_3_", "application": []}}'),
            says=["malformed", "counts 'UP_3_'"],
        ),
        case(HttpFault(body="{}", set_headers={"Content-Encoding": "gzip"}), says=["compression"]),
    )
    denial = ("denied", "401", "password_file")

    @pytest.fixture(autouse=True)
    def _registry(self, eureka: Eureka, fault_proxy: FaultProxies) -> None:
        self.server = self.eureka = eureka
        self.proxy = fault_proxy.http(eureka.host(), eureka.port)

    def resolver(self, timeout: float) -> EurekaResolver:
        options = f"interval=50ms&timeout={timeout}&user=meshclient&password={SECRET}"
        return EurekaResolver(ResolverUri.parse(f"eureka://127.0.0.1:{self.proxy.port}/eureka?{options}"))

    def write(self, name: str, numbers: Sequence[int]) -> None:
        self.eureka.register_many(name, len(numbers), first=numbers[0])

    def remove(self, name: str, number: int) -> None:
        self.eureka.cancel(name, f"{name}-{number}")

    def fill(self, name: str, count: int) -> None:
        """As a peer tells what was registered with it: many instances at once."""
        self.write(name, [0])
        (record,) = self.eureka.request("GET", f"/apps/{name.upper()}").json["application"]["instance"]
        places = {f"{name}-{n}": self.place(n).partition(":")[0] for n in range(count)}
        self.replicate(
            [
                told(name, instance, "Register") | {"instanceInfo": record | {"instanceId": instance, "hostName": host}}
                for instance, host in places.items()
            ]
        )

    def clean(self, name: str, count: int) -> None:
        self.replicate([told(name, f"{name}-{n}", "Cancel") for n in range(count)])

    def replicate(self, news: Sequence[Mapping[str, object]]) -> None:
        for start in range(0, len(news), BATCH):
            batch = {"replicationList": news[start : start + BATCH]}
            expect(self.eureka.request("POST", "/peerreplication/batch/", batch), "replication")

    def deny(self) -> None:
        """The server has no users; a proxy in front of it would answer so."""
        self.apply(HttpFault(status=401, body="who are you?"))
