"""An instance's life in the emulated Cloud Map, seen through the resolver."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from meshclient.model.endpoint import Endpoint, Health
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Empty
from meshclient.registration.registrar import LeaseLost, Registration
from meshclient_aws.errors import AwsDenied, AwsError, AwsThrottled, AwsUnreachable
from servers.faults import HttpFault, LinkFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloudmap.conftest import Space
    from conftest import Kit

    from servers.aws import Aws
    from servers.faultproxies import FaultProxies

pytestmark = pytest.mark.registry("cloudmap", "register", "deregister")


def registration(**attributes: Any) -> Registration:
    endpoint = Endpoint(
        "10.0.0.1", 8443, scheme="https", id="i-1:a/b@c", weight=2.5, zone="eu-1a", metadata={"version": "7"}
    )
    return Registration(ServiceName("orders"), replace(endpoint, **attributes))


def test_what_is_registered_is_resolved(kit: Kit, space: Space) -> None:
    mine, registrar = registration(), space.registrar()
    space.service("orders")

    async def check() -> None:
        async with kit.watch(space.resolver("interval=50ms"), "orders") as watch:
            await registrar.register(mine)
            (endpoint,) = (await watch.ready(mine.endpoint.id)).endpoints
            expected = replace(mine.endpoint, health=Health.PASSING)
            expected = replace(expected, metadata={"version": "7", "weight": "2.5", "scheme": "https"})
            assert endpoint == expected
            await registrar.renew(mine)
            await registrar.register(mine)
            await registrar.deregister(mine)
            await watch.until(lambda a: isinstance(a, Empty) and a.exists, "no instance")
            await registrar.deregister(mine)
        await registrar.close()

    asyncio.run(check())


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("10.0.0.1", "AWS_INSTANCE_IPV4"),
        ("fd00::1", "AWS_INSTANCE_IPV6"),
        ("a.example.com", "AWS_INSTANCE_CNAME"),
    ],
)
def test_the_kind_of_address(space: Space, host: str, key: str) -> None:
    plain = {"scheme": "http", "weight": 1.0, "zone": "", "metadata": {"empty": ""}}
    mine = registration(host=host, id="", **plain)
    space.service("orders")
    asyncio.run(space.registrar().register(mine))
    assert space.listed("orders") == {f"{host}-8443": {key: host, "AWS_INSTANCE_PORT": "8443"}}


def test_a_service_is_made_only_on_request(space: Space) -> None:
    mine = registration()

    async def check() -> None:
        with pytest.raises(AwsError, match=r"no service 'orders'.*create=on"):
            await space.registrar().register(mine)
        with pytest.raises(LeaseLost, match="no service 'orders'"):
            await space.registrar().renew(mine)
        await space.registrar().deregister(mine)  # it is not listed
        first, second = space.registrar("create=on"), space.registrar("create=on")
        await asyncio.gather(first.register(mine), second.register(registration(id="i-2")))
        await first.renew(mine)

    asyncio.run(check())
    assert sorted(space.listed("orders")) == ["i-1:a/b@c", "i-2"]


def test_a_namespace_that_is_not_there_is_named(space: Space) -> None:
    space.name = "nowhere"
    with pytest.raises(AwsError, match=r"no namespace 'nowhere' in us-east-1"):
        asyncio.run(space.registrar("create=on").register(registration()))


@pytest.mark.parametrize("checked", [True, False], ids=["custom health", "no health check"])
def test_renew_tells_that_the_instance_is_gone(space: Space, checked: bool) -> None:
    mine, registrar = registration(), space.registrar()
    space.service("orders", checked=checked)

    async def check() -> None:
        with pytest.raises(LeaseLost, match="orders"):
            await registrar.renew(mine)
        await registrar.register(mine)
        await registrar.renew(mine)
        await asyncio.to_thread(space.remove, "orders", mine.endpoint.id)
        with pytest.raises(LeaseLost):
            await registrar.renew(mine)
        await registrar.register(mine)
        await registrar.renew(mine)
        # The service is deleted and made again: another id.
        await asyncio.to_thread(space.remove, "orders", mine.endpoint.id)
        await asyncio.to_thread(space.drop, "orders")
        with pytest.raises(LeaseLost):
            await registrar.renew(mine)
        await asyncio.to_thread(space.service, "orders", checked=checked)
        await registrar.register(mine)
        await registrar.renew(mine)

    asyncio.run(check())
    assert list(space.listed("orders")) == [mine.endpoint.id]


def test_a_service_that_was_made_anew_is_looked_up_again(space: Space) -> None:
    mine, registrar = registration(), space.registrar()
    space.service("orders")

    async def check() -> None:
        await registrar.register(mine)
        await asyncio.to_thread(space.remove, "orders", mine.endpoint.id)
        await asyncio.to_thread(space.drop, "orders")
        await asyncio.to_thread(space.service, "orders")
        with pytest.raises(AwsError, match="looked up again"):
            await registrar.register(mine)
        await registrar.register(mine)

    asyncio.run(check())


def test_renewing_reports_health(kit: Kit, space: Space) -> None:
    mine, registrar = registration(), space.registrar()
    space.service("orders")

    async def check() -> None:
        await registrar.register(mine)
        await asyncio.to_thread(space.health, "orders", mine.endpoint.id, "UNHEALTHY")
        async with kit.watch(space.resolver("interval=50ms&health_interval=50ms&health=HEALTHY"), "orders") as watch:
            assert isinstance(await watch.next(), Empty)
            await registrar.renew(mine)
            await watch.ready(mine.endpoint.id)

    asyncio.run(check())


def test_registering_and_leaving_wait_until_it_is_done(space: Space, aws: Aws) -> None:
    mine, registrar = registration(), space.registrar()
    space.service("orders")
    aws.delay(60)

    async def awaited(job: asyncio.Task[None]) -> None:
        """Let the operation succeed once somebody asks for it."""
        async with asyncio.timeout(10):
            while not aws.calls().get("GetOperation"):  # noqa: ASYNC110 - it is the server that is asked
                await asyncio.sleep(0.02)
        assert not job.done()
        await asyncio.to_thread(aws.delay, 0)
        await job

    async def check() -> None:
        with pytest.raises(AwsError, match="not done after 200ms"):
            await space.registrar("settle=200ms").register(mine)
        for act, listed in ((registrar.register, [mine.endpoint.id]), (registrar.deregister, [])):
            await asyncio.to_thread(aws.delay, 60)
            aws.calls(clear=True)
            await awaited(asyncio.create_task(act(mine)))
            assert list(await asyncio.to_thread(space.listed, "orders")) == listed

    asyncio.run(check())


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (HttpFault(status=400, body='{"__type": "AccessDeniedException"}'), AwsDenied, "IAM action servicediscovery:"),
        (HttpFault(status=500, body="oops"), AwsError, "500"),
        (HttpFault(body='{"a": 1}'), AwsError, "malformed"),
        (HttpFault(hang=True), AwsUnreachable, "not answered"),
        (LinkFault(reset=True), AwsUnreachable, "not answered"),
    ],
    ids=["denied", "500", "garbage", "hang", "reset"],
)
def test_a_failure_is_told_and_passes(  # noqa: PLR0917 - what is tested, then the case
    space: Space,
    aws: Aws,
    fault_proxy: FaultProxies,
    fault: HttpFault | LinkFault,
    error: type[Exception],
    words: str,
) -> None:
    mine = registration()
    space.service("orders")
    proxy = fault_proxy.http("127.0.0.1", aws.port)
    limit = "100ms" if isinstance(fault, HttpFault) and fault.hang else "5s"
    registrar = space.registrar(f"timeout={limit}", url=proxy.url)
    calls: list[Callable[[Registration], object]] = [registrar.register, registrar.renew, registrar.deregister]

    async def check() -> None:
        proxy.set(fault)
        for call in calls:
            with pytest.raises(error, match=words):
                await call(mine)  # type: ignore[misc] # each is a coroutine function
        proxy.clear()
        patient = space.registrar(url=proxy.url)
        await patient.register(mine)
        await patient.renew(mine)
        await patient.deregister(mine)

    asyncio.run(check())
    assert not space.listed("orders")


def test_a_failed_operation_is_told(space: Space, aws: Aws, fault_proxy: FaultProxies) -> None:
    mine = registration()
    space.service("orders")
    proxy = fault_proxy.http("127.0.0.1", aws.port)
    registrar = space.registrar(url=proxy.url)
    failed = '{"Operation": {"Status": "FAIL", "ErrorCode": "INVALID_CHANGE_BATCH", "ErrorMessage": "no such zone"}}'

    async def check() -> None:
        await registrar.register(mine)  # what follows asks for no ids any more: RegisterInstance, GetOperation
        proxy.set(HttpFault(skip=1, body=failed))
        with pytest.raises(AwsError, match=r"could not do.*INVALID_CHANGE_BATCH: no such zone"):
            await registrar.register(mine)

    asyncio.run(check())


def test_throttled_while_it_waits_it_looks_again(space: Space, aws: Aws) -> None:
    mine, registrar = registration(), space.registrar("settle=10s")
    space.service("orders")

    async def check() -> None:
        aws.calls(clear=True)
        aws.throttle("GetOperation")
        job = asyncio.create_task(registrar.register(mine))
        async with asyncio.timeout(10):
            while aws.calls().get("GetOperation", 0) < 2:  # noqa: ASYNC110 - it is the server that is asked
                await asyncio.sleep(0.02)
        assert not job.done()
        aws.calm()
        await job
        await asyncio.to_thread(aws.throttle, "RegisterInstance")
        with pytest.raises(AwsThrottled):
            await registrar.register(mine)

    asyncio.run(check())


def test_propagation_follows_the_interval(space: Space) -> None:
    assert space.registrar("interval=10s").propagation == pytest.approx(13.0)
    assert space.registrar("").propagation == pytest.approx(7.5)
