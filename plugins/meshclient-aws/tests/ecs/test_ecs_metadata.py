"""A task finds itself through the metadata endpoint, played here with the answers that AWS documents."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from meshclient.mesh.mesh import Mesh
from meshclient_aws.ecs import listed_as, task_endpoint
from meshclient_aws.errors import AwsError, AwsUnreachable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from ecs.conftest import Ecs

    from servers.aws import Aws

VARIABLE = "ECS_CONTAINER_METADATA_URI_V4"


class Endpoint:
    """Answers with `container` and `task`, or with a status or bytes in their place."""

    def __init__(self, ecs: Ecs) -> None:
        self.container: Any = ecs.sample("metadata_container")
        self.task: Any = ecs.sample("metadata_task")
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer = endpoint.task if self.path == "/v4/abc/task" else endpoint.container
                status, body = (answer, b"") if isinstance(answer, int) else (200, answer)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

            def log_message(self, *args: object) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.environ: Mapping[str, str] = {VARIABLE: f"http://127.0.0.1:{self._server.server_port}/v4/abc"}

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def endpoint(ecs: Ecs) -> Iterator[Endpoint]:
    server = Endpoint(ecs)
    try:
        yield server
    finally:
        server.close()


def test_a_task_on_fargate_finds_itself(endpoint: Endpoint) -> None:
    found = task_endpoint(environ=endpoint.environ)
    assert (found.host, found.port) == ("192.0.2.3", 8080)
    assert (found.id, found.zone) == ("cd189a933e5849daa93386466019ab50", "us-west-2a")
    assert found.metadata == {"ecs_cluster": "default", "ecs_task_definition": "orders:2"}
    assert task_endpoint(9000, environ=endpoint.environ).port == 9000


def test_other_containers_may_tell_the_address(endpoint: Endpoint) -> None:
    endpoint.container["Networks"] = []
    endpoint.task["Containers"] = [{"Networks": [{"NetworkMode": "awsvpc", "IPv6Addresses": ["fd00::3"]}]}]
    endpoint.task.pop("AvailabilityZone")
    found = task_endpoint(environ=endpoint.environ)
    assert (found.host, found.zone) == ("fd00::3", "")


@pytest.mark.parametrize(
    ("ports", "port"),
    [([], 0), ([{"ContainerPort": 1}, {"ContainerPort": 2}], 0), ([{"ContainerPort": 1, "Protocol": "udp"}], 0)],
)
def test_a_port_that_is_not_plain_has_to_be_given(endpoint: Endpoint, ports: list[Any], port: int) -> None:
    endpoint.container["Ports"] = ports
    with pytest.raises(AwsError, match="does not map just one TCP port"):
        task_endpoint(port, environ=endpoint.environ)
    assert task_endpoint(80, environ=endpoint.environ).port == 80


def test_a_network_mode_without_an_address_is_an_error(endpoint: Endpoint) -> None:
    bridge = [{"NetworkMode": "bridge", "IPv4Addresses": ["172.17.0.2"]}]
    endpoint.container["Networks"] = bridge
    endpoint.task["Containers"] = [{"Networks": bridge}]
    with pytest.raises(AwsError, match="no awsvpc address"):
        task_endpoint(80, environ=endpoint.environ)


@pytest.mark.parametrize(
    ("answer", "words"), [(500, "answered 500"), (b"<html>", "sent no JSON"), ([1], "something malformed")]
)
def test_an_endpoint_that_talks_nonsense_is_an_error(endpoint: Endpoint, answer: Any, words: str) -> None:
    endpoint.task = answer
    with pytest.raises(AwsError, match=words):
        task_endpoint(80, environ=endpoint.environ)


def test_outside_ecs_and_without_an_answer(endpoint: Endpoint) -> None:
    with pytest.raises(AwsError, match=f"{VARIABLE} is not set"):
        task_endpoint(80, environ={})
    endpoint.close()
    with pytest.raises(AwsUnreachable, match="did not answer"):
        task_endpoint(80, environ=endpoint.environ)


@pytest.mark.registry("route53", "register", "deregister")
def test_the_task_is_registered_as_it_finds_itself(
    endpoint: Endpoint, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
    monkeypatch.setenv(VARIABLE, endpoint.environ[VARIABLE])
    client = aws.client("route53")
    zone = client.create_hosted_zone(Name="self.test", CallerReference="self")["HostedZone"]["Id"]

    def records() -> dict[str, str]:
        rows = client.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
        return {row["Type"]: row["ResourceRecords"][0]["Value"] for row in rows if row["Type"] in ("A", "SRV")}

    name = "cd189a933e5849daa93386466019ab50.orders.self.test."
    with Mesh() as mesh:
        with mesh.register("orders", registry="route53://self.test", timeout=15, **listed_as(task_endpoint())) as lease:
            assert lease.listed
            assert records() == {"A": "192.0.2.3", "SRV": f"0 1 8080 {name}"}
        assert records() == {}
