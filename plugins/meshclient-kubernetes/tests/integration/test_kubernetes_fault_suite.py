"""The fault suite of all resolvers, on the scripted API server; and what its faults are called there.

The server breaks its answers itself: they are encrypted, so no proxy could.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest

from fault_suite import FaultSuite, case
from servers.faults import HttpFault, LinkFault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conftest import Kit

    from meshclient_kubernetes import KubernetesResolver
    from servers.faultproxies import FaultProxies
    from servers.faults import Fault
    from servers.kubernetes import ScriptedKubernetes

pytestmark = pytest.mark.registry("kubernetes", "faults")

PER_SLICE = 100  # as the controller that writes slices fills them
ACTIONS = ("status", "body", "truncate", "hang", "close", "delay")


def order(fault: HttpFault) -> dict[str, Any]:
    """The fault as the scripted server takes it."""
    actions = {name: getattr(fault, name) for name in ACTIONS if getattr(fault, name)}
    return {"path": fault.path, **actions, "headers": {**fault.headers, **fault.set_headers}}


class TestKubernetesFaults(FaultSuite):
    secrets = ("t0k3n-reader",)
    gone = (
        case(LinkFault(refuse=True, reset=True), says=["cannot be reached"]),
        case(LinkFault(blackhole=True, reset=True), says=["cannot be reached"]),
    )
    silence = (case(HttpFault(hang=True), says=["did not answer", "250ms"]),)
    errors = (
        case(HttpFault(status=500), says=["answered 500", "a fault"]),
        case(HttpFault(status=404, body="404 page not found"), says=["404", "address of a Kubernetes API server"]),
        case(HttpFault(status=301, headers={"Location": "https://127.0.0.1:1/"}), says=["answered 301"]),
        case(HttpFault(close=True), says=["broke off"]),
    )
    throttles = (
        case(HttpFault(status=429), says=["answered 429", "limits its clients"]),
        case(HttpFault(status=503, body="<html>no upstream</html>"), says=["answered 503", "no upstream"]),
    )
    garbage = (
        case(HttpFault(body="<html>It works!</html>"), says=["malformed", "not JSON", "It works!"]),
        case(HttpFault(body="[1, 2]"), says=["malformed", "a list, not an object"]),
        case(HttpFault(body='{"kind": "Status"}'), says=["malformed", "metadata"]),
        case(HttpFault(body='{"metadata": {"resourceVersion": "7"}}'), says=["malformed", "no list"]),
        case(HttpFault(body="{}", set_headers={"Content-Encoding": "gzip"}), says=["compression"]),
    )
    denial = ("KubernetesDenied", "401", "Unauthorized", "token_file=")

    @pytest.fixture(autouse=True)
    def _registry(self, scripted: ScriptedKubernetes, kit: Kit, fault_proxy: FaultProxies) -> None:
        self.server = self.scripted = scripted
        self.proxy = fault_proxy.tcp("127.0.0.1", scripted.port)
        self.kit = kit
        self.listed: defaultdict[str, set[int]] = defaultdict(set)

    def resolver(self, timeout: float) -> KubernetesResolver:
        return self.kit.resolver(self.kit.uri(self.scripted, f"wait=1&timeout={timeout}", port=self.proxy.port))

    def write(self, name: str, numbers: Sequence[int]) -> None:
        self.listed[name].update(numbers)
        self.renew(name, {number // PER_SLICE for number in numbers})

    def remove(self, name: str, number: int) -> None:
        self.listed[name].remove(number)
        self.renew(name, {number // PER_SLICE})

    def renew(self, name: str, slices: set[int]) -> None:
        """Write these slices as they are to be."""
        hosts: dict[int, list[dict[str, Any]]] = {number: [] for number in slices}
        for number in self.listed[name]:
            if number // PER_SLICE in slices:
                hosts[number // PER_SLICE].append(self.kit.endpoint(self.place(number).partition(":")[0]))
        ports = [{"name": "http", "port": 8000, "protocol": "TCP"}]
        items = [self.kit.slice(f"{name}-{number:05d}", name, each, ports=ports) for number, each in hosts.items()]
        self.kit.apply(self.scripted, items)

    def apply(self, *faults: Fault) -> None:
        """The open watch ends where its server is broken; a connection is broken by the proxy."""
        answers = [order(fault) for fault in faults if isinstance(fault, HttpFault)]
        self.scripted.control(faults=answers, **({"end": "cut"} if answers else {}))
        self.proxy.set(*(fault for fault in faults if isinstance(fault, LinkFault)))

    def deny(self) -> None:
        self.scripted.control(tokens={self.scripted.admin: ["*"]}, end="cut")

    def permit(self) -> None:
        self.scripted.heal()

    def prepare(self) -> None:
        self.listed.clear()
