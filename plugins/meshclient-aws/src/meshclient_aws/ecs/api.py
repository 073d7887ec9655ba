"""What is asked of ECS itself: a task's present state, and its port."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from meshclient_aws.client import AwsClient
from meshclient_aws.ecs.services import port_of
from meshclient_aws.ecs.task import Task
from meshclient_aws.errors import AwsError
from meshclient_aws.options import AwsOptions


class Tasks(Protocol):
    """The source of truth about tasks."""

    async def describe(self, task: Task) -> Task:
        """The task's present state; one that is not known any more has ended."""
        ...

    async def port(self, task: Task) -> int:
        """The port that the task's definition tells, 0 for none."""
        ...


class EcsApi:
    """Asks ECS. A task definition never changes, so that its port is asked for once."""

    def __init__(self) -> None:
        self._clients: dict[str, AwsClient] = {}
        self._ports: dict[str, int] = {}

    async def describe(self, task: Task) -> Task:
        """As `Tasks`; raises AwsError where ECS cannot tell."""
        answer = await self._client(task).call(
            "describe_tasks", f"task {task.id}", cluster=task.cluster, tasks=[task.arn]
        )
        rows, failures = answer.get("tasks"), answer.get("failures")
        if isinstance(rows, list) and rows:
            try:
                return Task.decode(rows[0])
            except (ValueError, AttributeError) as exc:
                raise AwsError(f"ECS described task {task.id} in a malformed way: {exc}") from None
        listed = failures if isinstance(failures, list) else []
        reasons = sorted({str(row.get("reason")) for row in listed if isinstance(row, Mapping)})
        # ECS forgets a stopped task after an hour or so; every other reason, and none, is no news of the task.
        if reasons == ["MISSING"]:
            return task.ended()
        raise AwsError(f"ECS did not describe task {task.id}: {', '.join(reasons) or 'it gave no reason'}")

    async def port(self, task: Task) -> int:
        """As `Tasks`; raises AwsError where ECS cannot tell or the definition names no port where it should."""
        known = self._ports.get(task.definition)
        if known is None:
            answer = await self._client(task).call(
                "describe_task_definition", f"task {task.id}", taskDefinition=task.definition
            )
            definition = answer.get("taskDefinition")
            try:
                known = port_of(definition if isinstance(definition, Mapping) else {})
            except ValueError as exc:
                raise AwsError(f"task definition {task.definition}: {exc}") from None
            self._ports[task.definition] = known
        return known

    def _client(self, task: Task) -> AwsClient:
        if task.region not in self._clients:
            self._clients[task.region] = AwsClient("ecs", AwsOptions(region=task.region))
        return self._clients[task.region]
