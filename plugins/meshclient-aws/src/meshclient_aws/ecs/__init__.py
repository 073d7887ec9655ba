"""Amazon ECS: tasks listed from inside (`task_endpoint`), or from outside by a Lambda function (`handler`).

As the function's handler write ``meshclient_aws.ecs.handler``. All loads on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient_aws.ecs.metadata import listed_as, task_endpoint

__all__ = ["handler", "listed_as", "task_endpoint"]


def handler(event: Mapping[str, object], context: object) -> dict[str, object]:
    """Bring a registry in step with the task of an "ECS Task State Change" event; see `EcsFunction.handle`."""
    from meshclient_aws.ecs.function import shared

    return shared().handle(event, context)


def __getattr__(name: str) -> object:
    if name in ("listed_as", "task_endpoint"):
        from meshclient_aws.ecs import metadata

        return getattr(metadata, name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
