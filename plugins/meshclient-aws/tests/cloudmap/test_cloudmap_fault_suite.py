"""The fault suite of all resolvers, on the emulated Cloud Map; and what its faults are called there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, ClassVar

import pytest

from fault_suite import FaultSuite, case
from servers.faults import HttpFault, LinkFault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudmap.conftest import Space

    from meshclient_aws import CloudMapResolver
    from servers.aws import Aws
    from servers.faultproxies import FaultProxies

pytestmark = pytest.mark.registry("cloudmap", "faults")

SECRET = "w8Lm3-secret-of-the-fault-suite"


def refusal(code: str, status: int = 400) -> HttpFault:
    body = json.dumps({"__type": code, "message": "said by this test"})
    return HttpFault(status=status, body=body, headers={"Content-Type": "application/x-amz-json-1.1"})


class TestCloudMapFaults(FaultSuite):
    lacks: ClassVar = {"five_thousand_instances": "DiscoverInstances returns a thousand instances at most"}
    secrets = (SECRET,)
    gone = (
        case(LinkFault(refuse=True, reset=True), says=["not answered"]),
        case(LinkFault(blackhole=True, reset=True), says=["not answered"]),
    )
    silence = (case(HttpFault(hang=True), says=["not answered", "imeout"]),)
    half_open = (
        case(LinkFault(freeze=True), says=["not answered", "imeout"]),
        case(LinkFault(sever=True, refuse=True), says=["not answered"]),
    )
    errors = (
        case(HttpFault(status=500, body="oops"), says=["failed", "500"]),
        case(refusal("InternalFailure", 500), says=["failed", "InternalFailure"]),
        case(refusal("ExpiredTokenException"), says=["refused", "expired"]),
        case(refusal("UnrecognizedClientException"), says=["refused", "credentials are wrong"]),
        case(HttpFault(close=True), says=["not answered"]),
    )
    throttles = (
        case(refusal("ThrottlingException"), says=["throttled", "ThrottlingException"]),
        case(refusal("RequestLimitExceeded", 503), says=["throttled", "RequestLimitExceeded"]),
        case(HttpFault(status=429, body=""), says=["failed", "429"]),
        case(HttpFault(status=503, body="<html>"), says=["failed", "503"]),
    )
    garbage = (
        case(LinkFault(garbage=64), HttpFault(close=True), says=["not answered"]),
        case(HttpFault(body="[{"), says=["malformed"]),
        case(HttpFault(body="<html>It works!</html>"), says=["malformed"]),
        case(HttpFault(body='{"Instances": 7, "InstancesRevision": "x"}'), says=["malformed"]),
    )
    truncation = (case(HttpFault(truncate=20), says=["malformed"]),)
    denial = ("denied", "IAM action servicediscovery:DiscoverInstances")
    loss = ("no namespace",)

    @pytest.fixture(autouse=True)
    def _registry(self, aws: Aws, space: Space, fault_proxy: FaultProxies, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        self.server = self.aws = aws
        self.proxy = fault_proxy.http("127.0.0.1", aws.port)
        self.space = space

    def resolver(self, timeout: float) -> CloudMapResolver:
        return self.space.resolver(f"interval=20ms&timeout={timeout}", url=self.proxy.url)

    def write(self, name: str, numbers: Sequence[int]) -> None:
        for number in numbers:
            self.space.put(name, f"i-{number}", self.place(number).partition(":")[0], 8000)

    def fill(self, name: str, count: int) -> None:
        self.aws.fill(self.space.service(name), count)

    def remove(self, name: str, number: int) -> None:
        self.space.remove(name, f"i-{number}")

    def deny(self) -> None:
        """The emulation takes any key."""
        self.apply(refusal("AccessDeniedException"))

    def prepare(self) -> None:
        self.space.create()
