"""Many writers of one record set, and a Route 53 that asks for patience."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from meshclient_aws.errors import AwsDenied, AwsError, AwsThrottled, AwsUnreachable
from meshclient_aws.route53 import registrar as subject
from servers.faults import HttpFault, LinkFault
from servers.process import wait_until

if TYPE_CHECKING:
    from route53.conftest import Hosted, Make

    from servers.faultproxies import FaultProxies

pytestmark = pytest.mark.registry("route53", "register", "deregister", "faults")

ERROR = (
    '<?xml version="1.0"?><ErrorResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><Error>'
    "<Type>Sender</Type><Code>{}</Code><Message>{}</Message></Error><RequestId>1</RequestId></ErrorResponse>"
)


def refused(code: str, message: str = "Rate exceeded", status: int = 400) -> HttpFault:
    return HttpFault(method="POST", status=status, body=ERROR.format(code, message))


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "PAUSE_LIMIT", 0.02)
    monkeypatch.setattr(subject, "PAUSE_FIRST", 0.02)


def test_ten_instances_at_once_lose_none(hosted: Hosted, make: Make, hurried: None) -> None:
    """Each conflict is another writer's success, and each of these writes once: ten attempts do for ten."""
    mine = [make.registration("orders", number) for number in range(1, 11)]
    registrars = [hosted.registrar() for _ in mine]

    async def enter() -> None:
        await asyncio.gather(*(each.register(one) for each, one in zip(registrars, mine, strict=True)))

    async def leave() -> None:
        await asyncio.gather(*(each.deregister(one) for each, one in zip(registrars, mine, strict=True)))

    asyncio.run(enter())
    assert len(hosted.values("_orders._tcp")) == 10
    assert len(hosted.sets()) == 11
    asyncio.run(leave())
    assert hosted.sets() == []


@pytest.mark.parametrize("meanwhile", ["another enters", "the set goes", "the first enters"])
def test_what_came_in_between_is_kept(
    hosted: Hosted, make: Make, fault_proxy: FaultProxies, meanwhile: str, hurried: None
) -> None:
    """The other writer comes after the registrar's read and before its change."""
    if meanwhile != "the first enters":
        asyncio.run(hosted.registrar().register(make.registration("orders", 9)))
    proxy = fault_proxy.http("127.0.0.1", hosted.server.port)
    proxy.set(HttpFault(method="POST", times=1, delay=0.5))
    registrar, mine = hosted.registrar(url=proxy.url), make.registration("orders", 1)

    async def check() -> None:
        job = asyncio.create_task(registrar.register(mine))
        await asyncio.to_thread(
            wait_until, lambda: any(seen.startswith("POST") for seen in proxy.requests), 10, "the change"
        )
        if meanwhile == "the set goes":
            await asyncio.to_thread(hosted.clear)
        else:
            await hosted.registrar().register(make.registration("orders", 2))
        await job

    asyncio.run(check())
    expected = {"another enters": [1, 2, 9], "the set goes": [1], "the first enters": [1, 2]}[meanwhile]
    assert hosted.values("_orders._tcp") == [f"0 1 800{n} i-{n}.orders.mesh.test." for n in expected]


@pytest.mark.parametrize("code", ["PriorRequestNotComplete", "Throttling", "ThrottlingException"])
def test_a_busy_route_53_is_asked_again(
    hosted: Hosted, make: Make, fault_proxy: FaultProxies, code: str, hurried: None
) -> None:
    proxy = fault_proxy.http("127.0.0.1", hosted.server.port)
    fault = refused(code)
    proxy.set(HttpFault(method="POST", status=400, body=fault.body, times=3))
    asyncio.run(hosted.registrar(url=proxy.url).register(make.registration("orders", 1)))
    assert hosted.values("i-1.orders", "A") == ["10.0.0.1"]


def test_asking_again_has_an_end(hosted: Hosted, make: Make, fault_proxy: FaultProxies, hurried: None) -> None:
    proxy = fault_proxy.http("127.0.0.1", hosted.server.port)
    proxy.set(refused("Throttling"))
    with pytest.raises(AwsThrottled, match="ChangeResourceRecordSets for instance 'i-1' of service 'orders'"):
        asyncio.run(hosted.registrar(url=proxy.url).register(make.registration("orders", 1)))
    assert sum(seen.startswith("POST") for seen in proxy.requests) == subject.ATTEMPTS


def test_a_set_that_no_batch_can_replace_is_told_at_once_and_kept(hosted: Hosted, make: Make) -> None:
    """A batch holds the set twice, and 32,000 characters of values at the most."""
    values = [f"0 1 8000 an-instance-with-a-rather-long-name-{number:03}.orders.mesh.test." for number in range(300)]
    records = [{"Value": value} for value in values]
    full = {"Name": "_orders._tcp.mesh.test.", "Type": "SRV", "TTL": 1, "ResourceRecords": records}
    hosted.change(("CREATE", full))
    hosted.server.calls(clear=True)
    with pytest.raises(AwsError, match=r"instance 'i-1' of service 'orders'.*characters limit of 32000"):
        asyncio.run(hosted.registrar().register(make.registration("orders", 1)))
    assert hosted.server.calls()["route53:POST"] == 1
    assert hosted.values("_orders._tcp") == values
    assert hosted.values("i-1.orders", "A") == []


@pytest.mark.parametrize(
    "expected",
    [
        (refused("AccessDenied", "no", 403), AwsDenied, "route53:ChangeResourceRecordSets"),
        (refused("ExpiredToken", "old", 403), AwsDenied, "expired"),
        (HttpFault(status=500, body="oops"), AwsError, "instance 'i-1' of service 'orders'"),
        (HttpFault(method="GET", status=200, body="<html>"), AwsError, "instance 'i-1' of service 'orders'"),
        (HttpFault(method="GET", truncate=50), AwsError, "instance 'i-1' of service 'orders'"),
        (HttpFault(method="POST", reset=True), AwsUnreachable, "not answered"),
        (HttpFault(hang=True), AwsUnreachable, "not answered"),
        (LinkFault(refuse=True), AwsUnreachable, "not answered"),
    ],
    ids=["denied", "expired", "500", "garbage", "truncated", "reset", "hung", "down"],
)
def test_other_failures_are_told_at_once(
    hosted: Hosted,
    make: Make,
    fault_proxy: FaultProxies,
    expected: tuple[HttpFault | LinkFault, type[Exception], str],
) -> None:
    """The lease knows when to try again; what was listed stays listed."""
    fault, error, words = expected
    asyncio.run(hosted.registrar().register(make.registration("orders", 2)))
    proxy = fault_proxy.http("127.0.0.1", hosted.server.port)
    limit = "500ms" if isinstance(fault, HttpFault) and fault.hang else "10s"
    registrar, mine = hosted.registrar(f"timeout={limit}", url=proxy.url), make.registration("orders", 1)
    asyncio.run(registrar.deregister(mine))  # finds the zone, which is not at issue here
    proxy.set(fault)
    for call in (registrar.register, registrar.deregister):
        if call == registrar.deregister:
            asyncio.run(hosted.registrar().register(mine))
        with pytest.raises(error, match=words):
            asyncio.run(call(mine))
    proxy.clear()
    asyncio.run(registrar.register(mine))
    assert hosted.values("_orders._tcp") == [f"0 1 800{n} i-{n}.orders.mesh.test." for n in (1, 2)]


def test_cancellation_is_prompt(hosted: Hosted, make: Make, fault_proxy: FaultProxies) -> None:
    proxy = fault_proxy.http("127.0.0.1", hosted.server.port)
    proxy.set(HttpFault(hang=True))
    registrar = hosted.registrar("timeout=60", url=proxy.url)

    async def check() -> None:
        job = asyncio.create_task(registrar.register(make.registration("orders", 1)))
        await asyncio.to_thread(wait_until, lambda: bool(proxy.requests), 10, "the question")
        job.cancel()
        async with asyncio.timeout(5):
            with pytest.raises(asyncio.CancelledError):
                await job

    asyncio.run(check())
