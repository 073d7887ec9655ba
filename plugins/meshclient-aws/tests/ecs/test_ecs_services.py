"""The mapping from ECS services to services of the mesh, and where a port comes from."""

from __future__ import annotations

import pytest

from meshclient.errors import ConfigError
from meshclient.model.service import ServiceName
from meshclient_aws.ecs.services import EcsServices, Target, port_of


def target(name: str, port: int = 0) -> Target:
    return Target(ServiceName(name), port)


def test_without_a_mapping_each_ecs_service_counts_under_its_name() -> None:
    services = EcsServices.parse("")
    assert services.of("service:Orders_v2") == (target("orders_v2"),)
    assert services.of("family:orders") == ()
    assert services.of("") == ()


def test_a_mapping_names_what_counts() -> None:
    services = EcsServices.parse("orders, shop-cart=cart:8080, shop-cart=cart-admin:9090, family:worker=jobs, web:80")
    assert services.of("service:orders") == (target("orders"),)
    assert services.of("service:shop-cart") == (target("cart", 8080), target("cart-admin", 9090))
    assert services.of("family:worker") == (target("jobs"),)
    assert services.of("service:web") == (target("web", 80),)
    assert services.of("service:other") == ()


@pytest.mark.parametrize("text", ["=orders", "orders=", "orders:http", "orders=cart:0", "orders=a b", "orders:99999"])
def test_a_wrong_mapping_is_named(text: str) -> None:
    with pytest.raises(ConfigError, match="MESHCLIENT_ECS_SERVICES"):
        EcsServices.parse(f"fine, {text}")


def container(**parts: object) -> dict[str, object]:
    return {"name": "web", **parts}


MAPPED = [{"containerPort": 80, "protocol": "tcp"}, {"containerPort": 53, "protocol": "udp"}]


@pytest.mark.parametrize(
    ("containers", "port"),
    [
        ([container(portMappings=MAPPED)], 80),
        ([container(portMappings=MAPPED), container(portMappings=[{"containerPort": 81}])], 0),
        ([container(portMappings=MAPPED, environment=[{"name": "MESHCLIENT_PORT", "value": "81"}])], 81),
        (
            [
                container(
                    environment=[{"name": "MESHCLIENT_PORT", "value": "81"}], dockerLabels={"meshclient.port": "82"}
                )
            ],
            82,
        ),
        ([container()], 0),
        ([], 0),
    ],
)
def test_the_port_of_a_task_definition(containers: list[object], port: int) -> None:
    assert port_of({"containerDefinitions": containers}) == port


def test_a_label_without_a_port_is_an_error() -> None:
    with pytest.raises(ValueError, match="'http' is no port"):
        port_of({"containerDefinitions": [container(dockerLabels={"meshclient.port": "http"})]})
