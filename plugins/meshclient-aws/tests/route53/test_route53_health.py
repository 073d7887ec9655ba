"""Health checks: made with an instance, kept over repetition, gone with it."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from meshclient_aws.errors import AwsError
from meshclient_aws.route53.health import settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from route53.conftest import Hosted, Make

    from meshclient.registration.registrar import Registration

pytestmark = pytest.mark.registry("route53", "register", "deregister")

OPTIONS = "routing=multivalue&health_check=on"


def checks(hosted: Hosted) -> dict[str, Mapping[str, Any]]:
    rows = hosted.server.client("route53").list_health_checks()["HealthChecks"]
    return {row["Id"]: row["HealthCheckConfig"] for row in rows}


@pytest.fixture
def mine(make: Make, hosted: Hosted) -> Iterator[Registration]:
    """An instance that the internet reaches."""
    number = secrets.randbelow(200) + 1
    yield make.registration("orders", number, host=f"8.8.4.{number}", id=secrets.token_hex(4), health="/healthz")
    client = hosted.server.client("route53")
    for check in checks(hosted):
        client.delete_health_check(HealthCheckId=check)


def test_the_check_of_a_path_and_of_a_port(make: Make) -> None:
    common = {"Port": 8001, "RequestInterval": 30, "FailureThreshold": 3}
    web = make.registration("a", 1, host="8.8.8.8", scheme="https", health="/up")
    assert settings(web) == common | {"IPAddress": "8.8.8.8", "Type": "HTTPS", "ResourcePath": "/up"}
    named = make.registration("a", 1, host="example.com")
    assert settings(named) == common | {"FullyQualifiedDomainName": "example.com", "Type": "TCP"}


def test_a_check_comes_and_goes_with_the_instance(hosted: Hosted, mine: Registration) -> None:
    registrar = hosted.registrar(OPTIONS)
    for _ in range(2):  # the second changes nothing
        asyncio.run(registrar.register(mine))
        ((check, config),) = checks(hosted).items()
        assert (config["IPAddress"], config["ResourcePath"]) == (mine.endpoint.host, "/healthz")
        assert [row["HealthCheckId"] for row in hosted.sets() if row["Type"] == "SRV"] == [check]
    asyncio.run(hosted.registrar(OPTIONS).deregister(mine))
    assert checks(hosted) == {}
    assert hosted.sets() == []
    # The reference of the deleted check is spent; another one has to do.
    asyncio.run(registrar.register(mine))
    assert list(checks(hosted)) != [check]
    asyncio.run(registrar.deregister(mine))
    assert checks(hosted) == {}


def test_a_moved_instance_leaves_no_check_behind(hosted: Hosted, mine: Registration) -> None:
    registrar = hosted.registrar(OPTIONS)
    asyncio.run(registrar.register(mine))
    asyncio.run(registrar.register(replace(mine, endpoint=replace(mine.endpoint, port=9999))))
    assert [config["Port"] for config in checks(hosted).values()] == [9999]


def test_a_check_whose_instance_could_not_be_listed_goes_at_the_farewell(hosted: Hosted, mine: Registration) -> None:
    asyncio.run(hosted.registrar().register(mine))  # a simple set is in the way
    registrar = hosted.registrar(OPTIONS)
    with pytest.raises(AwsError, match="other RRSets exist"):
        asyncio.run(registrar.register(mine))
    assert len(checks(hosted)) == 1
    asyncio.run(registrar.deregister(mine))
    assert checks(hosted) == {}


def test_a_private_address_cannot_be_checked(hosted: Hosted, make: Make) -> None:
    with pytest.raises(AwsError, match=r"CreateHealthCheck for instance 'i-1'.*not routable"):
        asyncio.run(hosted.registrar(OPTIONS).register(make.registration("orders", 1)))
    assert hosted.sets() == []
