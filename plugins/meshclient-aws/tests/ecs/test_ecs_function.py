"""The Lambda function: its settings, ECS itself, and registries that it writes to."""

from __future__ import annotations

import json
import secrets
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

import meshclient_aws.ecs
from meshclient.errors import ConfigError
from meshclient_aws.dynamodb.item import INSTANCE
from meshclient_aws.dynamodb.table import definition
from meshclient_aws.ecs import function as subject
from meshclient_aws.ecs.function import EcsFunction
from meshclient_aws.errors import AwsDenied, AwsError, AwsThrottled
from servers.faults import HttpFault
from servers.rest import call, expect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from ecs.conftest import Ecs

    from servers.aws import Aws
    from servers.faultproxies import FaultProxies


@dataclass
class Cluster:
    """A cluster of the emulated ECS, with the events that it would send."""

    aws: Aws
    name: str

    def run(self) -> Mapping[str, Any]:
        """Start a task of the service `orders`; its description."""
        subnet = self.aws.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
        client = self.aws.client("ecs")
        client.register_task_definition(
            family=f"{self.name}-orders",
            networkMode="awsvpc",
            containerDefinitions=[
                {"name": "web", "image": "x", "memory": 64, "portMappings": [{"containerPort": 8080}]}
            ],
        )
        network = {"awsvpcConfiguration": {"subnets": [subnet], "securityGroups": []}}
        started = client.run_task(
            cluster=self.name,
            taskDefinition=f"{self.name}-orders",
            group=f"service:{self.name}",
            launchType="FARGATE",
            networkConfiguration=network,
        )
        task: Mapping[str, Any] = started["tasks"][0]
        return task

    def stop(self, task: Mapping[str, Any]) -> Mapping[str, Any]:
        stopped: Mapping[str, Any] = self.aws.client("ecs").stop_task(cluster=self.name, task=task["taskArn"])["task"]
        return stopped

    @staticmethod
    def event(task: Mapping[str, Any]) -> Mapping[str, Any]:
        """An event as it comes out of EventBridge: JSON, with times as texts."""
        detail = json.loads(json.dumps(task, default=str))
        return {"detail-type": "ECS Task State Change", "source": "aws.ecs", "id": "e", "detail": detail}


@pytest.fixture
def cluster(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
    name = f"shop-{secrets.token_hex(4)}"
    aws.client("ecs").create_cluster(clusterName=name)
    # By itself moto moves a task on with each look at it.
    control, model = f"{aws.url}/moto-api/state-manager", "ecs::task"
    patient = {"model_name": model, "transition": {"progression": "manual", "times": 1000}}
    expect(call("POST", f"{control}/set-transition", patient), "set-transition", 201)
    yield Cluster(aws, name)
    expect(call("POST", f"{control}/unset-transition", {"model_name": model}), "unset-transition", 201)


@pytest.mark.registry("cloudmap", "register", "deregister")
def test_cloud_map_follows_a_task(cluster: Cluster, aws: Aws) -> None:
    client = aws.client("servicediscovery")
    client.create_http_namespace(Name=cluster.name)
    (space,) = (row for row in client.list_namespaces()["Namespaces"] if row["Name"] == cluster.name)
    client.create_service(Name=cluster.name, NamespaceId=space["Id"])

    def listed() -> list[Mapping[str, Any]]:
        found = client.discover_instances(NamespaceName=cluster.name, ServiceName=cluster.name)
        instances: list[Mapping[str, Any]] = found["Instances"]
        return instances

    follow_a_task(cluster, f"cloudmap://{cluster.name}", listed, lambda row: row["InstanceId"])


@pytest.mark.registry("route53", "register", "deregister")
def test_route_53_follows_a_task(cluster: Cluster, aws: Aws) -> None:
    client = aws.client("route53")
    zone = client.create_hosted_zone(
        Name=f"{cluster.name}.test",
        CallerReference=cluster.name,
        VPC={"VPCRegion": "us-east-1", "VPCId": "vpc-1"},
        HostedZoneConfig={"PrivateZone": True},
    )["HostedZone"]["Id"]

    def listed() -> list[Mapping[str, Any]]:
        rows = client.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
        return [row for row in rows if row["Type"] == "A"]

    follow_a_task(cluster, f"route53://{cluster.name}.test", listed, lambda row: row["Name"].partition(".")[0])


@pytest.mark.registry("dynamodb", "register", "deregister")
def test_dynamodb_follows_a_task(cluster: Cluster, aws: Aws) -> None:
    """Also from another process, which is no other owner."""
    client = aws.client("dynamodb")
    client.create_table(**definition(cluster.name))

    def listed() -> list[Mapping[str, Any]]:
        items: list[Mapping[str, Any]] = client.scan(TableName=cluster.name)["Items"]
        return items

    follow_a_task(cluster, f"dynamodb://{cluster.name}", listed, lambda item: str(item[INSTANCE]["S"]))


def follow_a_task(
    cluster: Cluster, registry: str, listed: Callable[[], list[Mapping[str, Any]]], name: Callable[[Any], str]
) -> None:
    task = cluster.run()
    key = task["taskArn"].rpartition("/")[2]
    with closing(EcsFunction({"MESHCLIENT_REGISTRY": registry})) as function:
        running = cluster.event(task)
        for _ in range(2):
            assert function.handle(running) == {
                "task": key,
                "group": f"service:{cluster.name}",
                "outcome": "registered",
            }
        assert [name(row) for row in listed()] == [key]
        stopped = cluster.event(cluster.stop(task))
    # Another process, and the events in the wrong order.
    with closing(EcsFunction({"MESHCLIENT_REGISTRY": registry})) as function:
        for event in (stopped, running, stopped):
            assert function.handle(event)["outcome"] == "deregistered"
        assert listed() == []


def test_the_entry_point_serves_the_process(ecs: Ecs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "_shared", None)
    recorder, task = ecs.recorder(), ecs.task()
    monkeypatch.setattr(subject, "open_registrar", lambda text: recorder)
    monkeypatch.setattr(subject, "EcsApi", lambda: ecs.story(task))
    monkeypatch.setenv("MESHCLIENT_REGISTRY", "recorder://")
    for name, outcome in (("running", "registered"), ("running", "registered"), ("stopped", "deregistered")):
        assert meshclient_aws.ecs.handler(ecs.sample(name), None)["outcome"] == outcome
    subject.shared().close()
    assert recorder.calls[-1] == ("close", "")


def test_a_failure_is_raised_for_lambda_to_repeat(ecs: Ecs, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = ecs.recorder()
    monkeypatch.setattr(subject, "open_registrar", lambda text: recorder)
    with closing(EcsFunction({"MESHCLIENT_REGISTRY": "recorder://"}, tasks=ecs.story(ecs.task()))) as function:
        recorder.fail = [AwsThrottled("slow down")]
        with pytest.raises(AwsThrottled):
            function.handle(ecs.sample("running"))
        assert function.handle(ecs.sample("running"))["outcome"] == "registered"


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, "MESHCLIENT_REGISTRY is not set"),
        ({"MESHCLIENT_REGISTRY": "nosuch://x"}, r"no registrar for nosuch:// \(installed: .*route53"),
        ({"MESHCLIENT_REGISTRY": "route53://a.b", "MESHCLIENT_ECS_TTL": "soon"}, "MESHCLIENT_ECS_TTL"),
        ({"MESHCLIENT_REGISTRY": "route53://a.b", "MESHCLIENT_ECS_SERVICES": "a:b"}, "MESHCLIENT_ECS_SERVICES"),
    ],
)
def test_settings_that_are_wrong_are_named(environ: Mapping[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        EcsFunction(environ)


def test_other_events_are_refused(ecs: Ecs) -> None:
    with closing(EcsFunction({"MESHCLIENT_REGISTRY": "route53://a.b"})) as function:
        with pytest.raises(ConfigError, match="'ECS Service Action' is no 'ECS Task State Change' event"):
            function.handle({"detail-type": "ECS Service Action", "detail": {}})
        with pytest.raises(ConfigError, match="tells of no task"):
            function.handle({"detail-type": "ECS Task State Change", "detail": {}})


ANSWER = {"Content-Type": "application/x-amz-json-1.1"}


@pytest.mark.parametrize(
    ("body", "status", "error", "words"),
    [
        ({"__type": "AccessDeniedException", "message": "no"}, 400, AwsDenied, "IAM action ecs:DescribeTasks"),
        ({"__type": "ThrottlingException", "message": "slow"}, 400, AwsThrottled, "DescribeTasks for task"),
        ({"tasks": [{}]}, 200, AwsError, "malformed"),
        ({"tasks": [], "failures": [{"reason": "ACCESS"}]}, 200, AwsError, "did not describe task .*ACCESS"),
        ({"tasks": [], "failures": []}, 200, AwsError, "did not describe task .*no reason"),
        ({}, 200, AwsError, "did not describe task"),
    ],
)
def test_ecs_that_cannot_tell_is_an_error(  # noqa: PLR0917 - fixtures and parameters
    ecs: Ecs,
    aws: Aws,
    fault_proxy: FaultProxies,
    monkeypatch: pytest.MonkeyPatch,
    body: object,
    status: int,
    error: type[Exception],
    words: str,
) -> None:
    proxy = fault_proxy.http("127.0.0.1", aws.port)
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    proxy.set(HttpFault(status=status, headers=ANSWER, body=json.dumps(body)))
    with (
        closing(EcsFunction({"MESHCLIENT_REGISTRY": "route53://a.b"})) as function,
        pytest.raises(error, match=words),
    ):
        function.handle(ecs.sample("running"))


def test_a_task_that_ecs_has_forgotten_is_over(
    ecs: Ecs, aws: Aws, fault_proxy: FaultProxies, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = fault_proxy.http("127.0.0.1", aws.port)
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    gone = {"tasks": [], "failures": [{"arn": "x", "reason": "MISSING"}]}
    proxy.set(HttpFault(status=200, headers=ANSWER, body=json.dumps(gone)))
    recorder = ecs.recorder()
    monkeypatch.setattr(subject, "open_registrar", lambda text: recorder)
    with closing(EcsFunction({"MESHCLIENT_REGISTRY": "recorder://"})) as function:
        assert function.handle(ecs.sample("running"))["outcome"] == "deregistered"
