"""The Lambda function that keeps a registry in step with ECS.

Lambda runs one event at a time in a process and freezes the process in between. One event loop serves all events of a
process, so that a registrar may hold connections on it; nothing runs while no event is handled.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, cast

from meshclient.discovery.resolver import ResolverUri
from meshclient.errors import ConfigError
from meshclient.model.duration import parse_duration
from meshclient_aws.ecs.api import EcsApi
from meshclient_aws.ecs.follower import Follower
from meshclient_aws.ecs.services import EcsServices
from meshclient_aws.ecs.task import Task

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.registration.registrar import Registrar
    from meshclient_aws.ecs.api import Tasks

DETAIL_TYPE = "ECS Task State Change"
# The events are the lease: nobody renews. A registry that forgets must not do so while a task may still run.
TTL = 365 * 24 * 3600.0

# An item of DynamoDB belongs to its owner; all processes of the function have to be the same one.
OWNER = "ecs"

_shared: EcsFunction | None = None


class EcsFunction:
    """What one process of the function holds.

    Args:
        environ: ``MESHCLIENT_REGISTRY`` (the registrar's URI), ``MESHCLIENT_ECS_SERVICES`` and ``MESHCLIENT_ECS_TTL``.
        tasks: what tells a task's present state instead of ECS.

    Raises ConfigError where one of them is missing or wrong.
    """

    def __init__(self, environ: Mapping[str, str], *, tasks: Tasks | None = None) -> None:
        text = environ.get("MESHCLIENT_REGISTRY", "")
        if not text:
            raise ConfigError(
                "MESHCLIENT_REGISTRY is not set: write the registry's URI, such as route53://prod.internal"
            )
        ttl = environ.get("MESHCLIENT_ECS_TTL", "")
        try:
            seconds = parse_duration(ttl) if ttl else TTL
        except ValueError as exc:
            raise ConfigError(f"MESHCLIENT_ECS_TTL: {exc}") from None
        services = EcsServices.parse(environ.get("MESHCLIENT_ECS_SERVICES", ""))
        self._follower = Follower(tasks or EcsApi(), open_registrar(text), services, seconds)
        self._runner = asyncio.Runner()

    def handle(self, event: Mapping[str, object], _context: object = None) -> dict[str, object]:
        """Bring the registry in step with the task of an "ECS Task State Change" event.

        Raises whatever kept it from doing so: Lambda then repeats the event, which is harmless. Raises ConfigError for
        another kind of event, which no repetition helps.
        """
        detail = event.get("detail")
        if event.get("detail-type") != DETAIL_TYPE or not isinstance(detail, Mapping):
            raise ConfigError(f"{event.get('detail-type')!r} is no {DETAIL_TYPE!r} event: correct the EventBridge rule")
        try:
            task = Task.decode(detail)
        except ValueError as exc:
            raise ConfigError(f"the {DETAIL_TYPE!r} event {event.get('id')!r} tells of no task: {exc}") from None
        outcome = self._runner.run(self._follower.follow(task))
        return {"task": task.id, "group": task.group, "outcome": outcome.value}

    def close(self) -> None:
        """Let go of the registrar and the loop."""
        self._runner.run(self._follower.registrar.close())
        self._runner.close()


def shared() -> EcsFunction:
    """The function of this process, made with its first event."""
    global _shared  # noqa: PLW0603 - Lambda calls a module's function, and keeps the module
    if _shared is None:
        _shared = EcsFunction(os.environ)
    return _shared


def open_registrar(text: str) -> Registrar:
    """The registrar for this URI. Raises ConfigError where no installed distribution has one for its scheme."""
    uri = ResolverUri.parse(text)
    if uri.scheme == "dynamodb":
        from meshclient_aws.dynamodb.registrar import DynamoDbRegistrar

        return DynamoDbRegistrar(uri, owner=OWNER)
    found = tuple(entry_points(group="meshclient.registrars", name=uri.scheme))
    if len(found) != 1:
        known = ", ".join(sorted(entry_points(group="meshclient.registrars").names))
        what = "several registrars claim" if found else "there is no registrar for"
        raise ConfigError(f"MESHCLIENT_REGISTRY={uri}: {what} {uri.scheme}:// (installed: {known})")
    return cast("Callable[[ResolverUri], Registrar]", found[0].load())(uri)
