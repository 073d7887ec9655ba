"""A task's own address and place, from inside: the task metadata endpoint, version 4.

ECS gives every container the endpoint's address in ``ECS_CONTAINER_METADATA_URI_V4`` (Fargate from platform version
1.4, the agent on EC2 from 1.39).

    endpoint = task_endpoint(port=8080)
    lease = mesh.register("orders", health="/healthz", **listed_as(endpoint))
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TypedDict

import httpx

from meshclient.model.endpoint import Endpoint
from meshclient_aws.errors import AwsError, AwsUnreachable

VARIABLE = "ECS_CONTAINER_METADATA_URI_V4"
_AWSVPC = "awsvpc"


class ListedAs(TypedDict):
    """The arguments of `Mesh.register` that say which instance is listed."""

    host: str
    port: int
    id: str
    zone: str
    metadata: Mapping[str, str]


def listed_as(endpoint: Endpoint) -> ListedAs:
    """The endpoint as arguments of `Mesh.register`."""
    return {
        "host": endpoint.host,
        "port": endpoint.port,
        "id": endpoint.id,
        "zone": endpoint.zone,
        "metadata": endpoint.metadata,
    }


def task_endpoint(port: int = 0, *, environ: Mapping[str, str] | None = None, timeout: float = 2.0) -> Endpoint:
    """Where others reach this task: its address, its availability zone, and its id for an instance id.

    Blocks for up to `timeout`; from a coroutine call it by `asyncio.to_thread`.

    Args:
        port: where the task listens; 0 for the only TCP port that the task definition maps for this container.
        environ: where the endpoint's address is read, instead of the process's environment.
        timeout: seconds.

    Raises AwsUnreachable where the endpoint does not answer in time, and AwsError outside ECS, in a network mode
    without an address of the task's own, or where `port` is 0 and the container maps no port or several.
    """
    uri = (os.environ if environ is None else environ).get(VARIABLE, "")
    if not uri:
        raise AwsError(f"{VARIABLE} is not set: this is no ECS task, or its agent is older than version 1.39")
    with httpx.Client(trust_env=False, timeout=timeout) as client:
        task, container = _ask(client, f"{uri}/task"), _ask(client, uri)
    address = next(_addresses(container), "") or next(
        (found for each in _rows(task.get("Containers")) for found in _addresses(each)), ""
    )
    if not address:
        raise AwsError(
            f"{uri} tells no {_AWSVPC} address of this task: in other network modes give host and port yourself"
        )
    arn, family = str(task.get("TaskARN", "")), f"{task.get('Family', '')}:{task.get('Revision', '')}"
    cluster = str(task.get("Cluster", "")).rpartition("/")[2]
    return Endpoint(
        address,
        port or _port(container, uri),
        id=arn.rpartition("/")[2],
        zone=str(task.get("AvailabilityZone") or ""),
        metadata={"ecs_cluster": cluster, "ecs_task_definition": family},
    )


def _ask(client: httpx.Client, url: str) -> Mapping[str, object]:
    try:
        response = client.get(url)
        response.raise_for_status()
        answer: object = response.json()
    except httpx.HTTPStatusError as exc:
        raise AwsError(f"the task metadata endpoint answered {exc.response.status_code} to {url}") from None
    except httpx.HTTPError as exc:
        raise AwsUnreachable(
            f"the task metadata endpoint did not answer {url}: {str(exc) or type(exc).__name__}"
        ) from None
    except ValueError as exc:
        raise AwsError(f"the task metadata endpoint sent no JSON for {url}: {exc}") from None
    if not isinstance(answer, Mapping):
        raise AwsError(f"the task metadata endpoint sent something malformed for {url}: {str(answer)[:60]}")
    return answer


def _addresses(container: Mapping[str, object]) -> Iterator[str]:
    """The container's awsvpc addresses, IPv4 first."""
    networks = [row for row in _rows(container.get("Networks")) if row.get("NetworkMode") == _AWSVPC]
    for key in ("IPv4Addresses", "IPv6Addresses"):
        for network in networks:
            found = network.get(key)
            yield from map(str, found if isinstance(found, list) else ())


def _port(container: Mapping[str, object], uri: str) -> int:
    mapped = {row.get("ContainerPort") for row in _rows(container.get("Ports")) if row.get("Protocol", "tcp") == "tcp"}
    only = mapped.pop() if len(mapped) == 1 else None
    if not isinstance(only, int):
        raise AwsError(
            f"{uri}: this container does not map just one TCP port: give the port, as in task_endpoint(8080)"
        )
    return only


def _rows(value: object) -> Iterator[Mapping[str, object]]:
    if isinstance(value, list):
        yield from (row for row in value if isinstance(row, Mapping))
