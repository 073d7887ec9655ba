"""An instance's life in a hosted zone, as Route 53 sees it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from meshclient.errors import ConfigError
from meshclient.registration.registrar import LeaseLost
from meshclient_aws.errors import AwsError
from meshclient_aws.route53 import registrar as subject
from meshclient_aws.route53.registrar import Route53Registrar
from servers.faults import HttpFault

if TYPE_CHECKING:
    from route53.conftest import Hosted, Make

    from servers.aws import Aws
    from servers.faultproxies import FaultProxies

pytestmark = pytest.mark.registry("route53", "register", "deregister")


def test_both_records_come_and_go_in_one_batch(hosted: Hosted, make: Make) -> None:
    registrar, mine = hosted.registrar(), make.registration("orders", 1, weight=2.6)
    hosted.server.calls(clear=True)
    asyncio.run(registrar.register(mine))
    assert hosted.server.calls()["route53:POST"] == 1
    assert hosted.values("_orders._tcp") == ["0 3 8001 i-1.orders.mesh.test."]
    assert hosted.values("i-1.orders", "A") == ["10.0.0.1"]
    assert {row["TTL"] for row in hosted.sets()} == {1}
    hosted.server.calls(clear=True)
    asyncio.run(registrar.deregister(mine))
    assert hosted.server.calls()["route53:POST"] == 1
    assert hosted.sets() == []


def test_to_register_again_changes_nothing_and_a_move_replaces(hosted: Hosted, make: Make) -> None:
    registrar, mine = hosted.registrar(), make.registration("orders", 1)
    moved = replace(mine, endpoint=replace(mine.endpoint, host="fd00::7", port=9000))
    asyncio.run(registrar.register(mine))
    hosted.server.calls(clear=True)
    asyncio.run(registrar.register(mine))
    assert "route53:POST" not in hosted.server.calls()
    asyncio.run(registrar.register(moved))
    assert hosted.values("_orders._tcp") == ["0 1 9000 i-1.orders.mesh.test."]
    assert hosted.values("i-1.orders", "A") == []
    assert hosted.values("i-1.orders", "AAAA") == ["fd00::7"]
    asyncio.run(registrar.deregister(mine))  # whatever it is now, it is this instance
    assert hosted.sets() == []


def test_to_deregister_is_repeatable_and_spares_the_others(hosted: Hosted, make: Make) -> None:
    registrar = hosted.registrar()
    mine, other = make.registration("orders", 1), make.registration("orders", 2)
    asyncio.run(registrar.deregister(mine))
    for each in (mine, other):
        asyncio.run(registrar.register(each))
    for _ in range(2):
        asyncio.run(hosted.registrar().deregister(mine))
        assert hosted.values("_orders._tcp") == ["0 1 8002 i-2.orders.mesh.test."]
        assert len(hosted.sets()) == 2


@pytest.mark.parametrize("routing", ["multivalue", "weighted"])
def test_a_routing_policy_gives_each_instance_a_set(hosted: Hosted, make: Make, routing: str) -> None:
    registrar = hosted.registrar(f"routing={routing}")
    for number in (1, 2):
        asyncio.run(registrar.register(make.registration("orders", number, weight=300)))
    rows = [row for row in hosted.sets() if row["Type"] == "SRV"]
    assert [row["SetIdentifier"] for row in rows] == ["i-1", "i-2"]
    assert [row.get("MultiValueAnswer") for row in rows] == [True if routing == "multivalue" else None] * 2
    assert [row.get("Weight") for row in rows] == [255 if routing == "weighted" else None] * 2
    asyncio.run(registrar.renew(make.registration("orders", 1)))
    asyncio.run(registrar.deregister(make.registration("orders", 1)))
    assert hosted.values("_orders._tcp") == ["0 300 8002 i-2.orders.mesh.test."]


def test_sets_of_another_routing_policy_are_an_error_in_awss_words(hosted: Hosted, make: Make) -> None:
    asyncio.run(hosted.registrar("routing=multivalue").register(make.registration("orders", 1)))
    with pytest.raises(AwsError, match=r"instance 'i-2' of service 'orders'.*other RRSets exist") as caught:
        asyncio.run(hosted.registrar().register(make.registration("orders", 2)))
    assert caught.value.code == "InvalidChangeBatch"


@pytest.mark.parametrize("gone", ["SRV", "A"])
def test_a_renewal_tells_that_a_record_is_gone(hosted: Hosted, make: Make, gone: str) -> None:
    registrar, mine = hosted.registrar("check=0"), make.registration("orders", 1)
    with pytest.raises(LeaseLost):
        asyncio.run(registrar.renew(mine))
    asyncio.run(registrar.register(mine))
    asyncio.run(registrar.renew(mine))
    hosted.change(*(("DELETE", row) for row in hosted.sets() if row["Type"] == gone))
    with pytest.raises(LeaseLost, match=r"zone mesh.test .* instance 'i-1' of service 'orders'"):
        asyncio.run(registrar.renew(mine))
    asyncio.run(registrar.register(mine))
    asyncio.run(registrar.renew(mine))


def test_a_renewal_accepts_another_weight_and_ttl(hosted: Hosted, make: Make) -> None:
    """An operator may drain an instance by its weight, and two releases may differ in their TTL."""
    registrar, mine = hosted.registrar("check=0"), make.registration("orders", 1)
    asyncio.run(registrar.register(mine))
    (row,) = (row for row in hosted.sets() if row["Type"] == "SRV")
    hosted.change(("UPSERT", dict(row) | {"TTL": 60, "ResourceRecords": [{"Value": "9 0 8001 i-1.orders.mesh.test."}]}))
    asyncio.run(registrar.renew(mine))


def test_renewals_look_once_in_a_while(hosted: Hosted, make: Make) -> None:
    now = 100.0
    registrar, mine = hosted.registrar("check=60", clock=lambda: now), make.registration("orders", 1)
    asyncio.run(registrar.register(mine))
    hosted.clear()
    hosted.server.calls(clear=True)
    now += 59
    asyncio.run(registrar.renew(mine))
    assert hosted.server.calls() == {}
    now += 1
    with pytest.raises(LeaseLost):
        asyncio.run(registrar.renew(mine))


def test_a_registration_can_wait_for_all_servers(
    hosted: Hosted, make: Make, fault_proxy: FaultProxies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "SYNC_INTERVAL", 0.02)
    proxy = fault_proxy.http("127.0.0.1", hosted.server.port)
    pending = (
        '<?xml version="1.0"?><GetChangeResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><ChangeInfo>'
        "<Id>/change/C1</Id><Status>PENDING</Status><SubmittedAt>2026-01-01T00:00:00Z</SubmittedAt>"
        "</ChangeInfo></GetChangeResponse>"
    )
    proxy.set(HttpFault(path="/change/", times=1, status=200, headers={"Content-Type": "text/xml"}, body=pending))
    registrar = hosted.registrar("insync=10", url=proxy.url)
    hosted.server.calls(clear=True)
    asyncio.run(registrar.register(make.registration("orders", 1)))
    # One for each name read, and one GetChange behind the pending one.
    assert hosted.server.calls()["route53:GET"] == 4


def test_waiting_ends_with_a_warning(
    hosted: Hosted, make: Make, fault_proxy: FaultProxies, caplog: pytest.LogCaptureFixture
) -> None:
    proxy = fault_proxy.http("127.0.0.1", hosted.server.port)
    proxy.set(HttpFault(path="/change/", hang=True))
    registrar = hosted.registrar("insync=300ms", url=proxy.url)
    asyncio.run(registrar.register(make.registration("orders", 1)))
    assert "instance 'i-1' of service 'orders' is listed, and not in sync after 300ms" in caplog.text
    assert hosted.values("i-1.orders", "A") == ["10.0.0.1"]


def test_the_zone_is_found_by_its_name(hosted: Hosted, make: Make, aws: Aws) -> None:
    from meshclient.discovery.resolver import ResolverUri

    def register() -> None:
        uri = ResolverUri.parse(f"route53://{hosted.name.upper()}.?endpoint_url={aws.url}")
        asyncio.run(Route53Registrar(uri).register(make.registration("orders", 1)))

    client = aws.client("route53")

    def create(*, private: bool) -> str:
        vpc = {"VPC": {"VPCRegion": "us-east-1", "VPCId": "vpc-1"}} if private else {}
        made = client.create_hosted_zone(
            Name=hosted.name, CallerReference=f"{private}", HostedZoneConfig={"PrivateZone": private}, **vpc
        )
        return str(made["HostedZone"]["Id"]).rpartition("/")[2]

    public = create(private=False)
    try:
        register()
        assert len(hosted.sets()) == 2
        second = create(private=True)
        try:
            with pytest.raises(ConfigError, match=f"2 hosted zones are called 'mesh.test'.*{second}"):
                register()
        finally:
            client.delete_hosted_zone(Id=second)
    finally:
        client.delete_hosted_zone(Id=public)


def test_a_zone_that_is_not_there_is_an_error(make: Make, aws: Aws) -> None:
    from meshclient.discovery.resolver import ResolverUri

    mine = make.registration("orders", 1)
    named = ResolverUri.parse(f"route53://no.such?endpoint_url={aws.url}")
    with pytest.raises(ConfigError, match=r"there is no hosted zone 'no\.such'"):
        asyncio.run(Route53Registrar(named).register(mine))
    by_id = ResolverUri.parse(f"route53://Z0000000000?endpoint_url={aws.url}")
    with pytest.raises(AwsError, match="hosted zone 'Z0000000000'") as caught:
        asyncio.run(Route53Registrar(by_id).register(mine))
    assert caught.value.code == "NoSuchHostedZone"
