"""Keeping a registry in step with tasks, one event at a time.

EventBridge delivers events at least once and in any order, and Lambda may run several at the same time. An event is
therefore taken as a hint only: ECS is asked for the task's present state, the registry is changed, and ECS is asked
again. Where the state has moved on in between, the change is made anew. Of all events of a task, the one handled last
has then left what ECS says, whatever their order; nothing has to be remembered between events. The versions of states
are compared because ECS's answers may lag behind its events. That a task is over is final: it asks for no second look.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from meshclient.model.endpoint import Endpoint
from meshclient.registration.registrar import Registration
from meshclient_aws.ecs.services import PORT_VARIABLE, checked_port
from meshclient_aws.ecs.task import newer
from meshclient_aws.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshclient.registration.registrar import Registrar
    from meshclient_aws.ecs.api import Tasks
    from meshclient_aws.ecs.services import EcsServices, Target
    from meshclient_aws.ecs.task import Task

# A task changes every few seconds at most; one that has changed at each look is left to a repeated event.
LOOKS = 4
# A farewell needs the instance's id alone, but an endpoint has an address: RFC 5737's for documentation, and "discard".
_ANY_HOST, _ANY_PORT = "192.0.2.1", 9

_LOG = logging.getLogger("meshclient.registration")


class Outcome(StrEnum):
    """What an event has led to."""

    REGISTERED = "registered"
    DEREGISTERED = "deregistered"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class Follower:
    """Follows tasks.

    Args:
        tasks: tells a task's present state.
        registrar: writes to the registry.
        services: which tasks count, and under which names.
        ttl: seconds that a registry which forgets keeps an instance without hearing of it.
    """

    tasks: Tasks
    registrar: Registrar
    services: EcsServices
    ttl: float

    async def follow(self, task: Task) -> Outcome:
        """Bring the registry in step with the task that an event tells of.

        Repeatable. Raises what ECS or the registry raise, an ExceptionGroup where several services of the task failed,
        and AwsError where the task would not keep still; then the event should be delivered again.
        """
        targets = self.services.of(task.group)
        if not targets:
            return Outcome.IGNORED
        seen = await self._look(task)
        for _ in range(LOOKS):
            if seen.starting:
                return Outcome.IGNORED
            if seen.serves and not seen.address:
                _LOG.warning(
                    "task %s of %s has no address of its own: use the network mode awsvpc", seen.id, seen.group
                )
                return Outcome.IGNORED
            await self._write(seen, targets)
            latest = await self._look(seen)
            if latest.serves == seen.serves:
                return Outcome.REGISTERED if seen.serves else Outcome.DEREGISTERED
            seen = latest
        raise AwsError(f"task {task.id} of {task.group} changed at each of {LOOKS} looks")

    async def _look(self, task: Task) -> Task:
        return task if task.over else newer(task, await self.tasks.describe(task))

    async def _write(self, task: Task, targets: Sequence[Target]) -> None:
        """All targets are tried before the failure of any is told."""
        failures: list[Exception] = []
        for target in targets:
            try:
                registration = await self._registration(task, target)
                await (self.registrar.register if task.serves else self.registrar.deregister)(registration)
            except Exception as exc:  # noqa: BLE001 - raised below
                failures.append(exc)
        if len(failures) == 1:
            raise failures[0]
        if failures:
            raise ExceptionGroup(f"{len(failures)} of {len(targets)} services of task {task.id} failed", failures)

    async def _registration(self, task: Task, target: Target) -> Registration:
        port = target.port or (await self._port(task, target) if task.serves else _ANY_PORT)
        metadata = {"ecs_cluster": _name(task.cluster), "ecs_task_definition": _name(task.definition)}
        endpoint = Endpoint(task.address or _ANY_HOST, port, id=task.id, zone=task.zone, metadata=metadata)
        return Registration(target.service, endpoint, ttl=self.ttl)

    async def _port(self, task: Task, target: Target) -> int:
        override = dict(task.environment).get(PORT_VARIABLE, "")
        try:
            port = checked_port(override) if override else await self.tasks.port(task)
        except ValueError as exc:
            raise AwsError(f"task {task.id} of {task.group}: {PORT_VARIABLE} is overridden, and {exc}") from None
        if not port:
            name = f"{task.group.removeprefix('service:')}={target.service}:8080"
            raise AwsError(
                f"task definition {_name(task.definition)} does not tell the port of service '{target.service}': map "
                f"one TCP port, label a container meshclient.port, or write {name} in MESHCLIENT_ECS_SERVICES"
            )
        return port


def _name(arn: str) -> str:
    return arn.rpartition("/")[2]
