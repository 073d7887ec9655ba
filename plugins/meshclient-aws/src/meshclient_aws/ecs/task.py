"""A task as ECS describes it, in an event or in an answer of its API: both have the same shape.

A task's life goes one way: PROVISIONING, PENDING, ACTIVATING, RUNNING, DEACTIVATING, STOPPING, DEPROVISIONING, STOPPED,
and a desired status of STOPPED is never taken back (ECS developer guide, "Task lifecycle"). `version` grows with each
change. Whatever says that a task is over is therefore right for good, in whatever order the news come.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

_BEFORE = frozenset({"PROVISIONING", "PENDING", "ACTIVATING"})
_RUNNING = "RUNNING"


@dataclass(frozen=True, slots=True)
class Task:
    """What matters of a task here.

    Args:
        arn: the task's ARN.
        cluster: the ARN of its cluster.
        group: ``service:orders`` for a task of the ECS service ``orders``.
        definition: the ARN of its task definition.
        desired: the status that ECS wants it to have.
        last: the status that it was last known to have.
        version: grows with every change; 0 where it is not given.
        address: of its network interface; empty outside the network mode ``awsvpc``.
        zone: availability zone.
        unhealthy: whether its essential containers fail their health checks; events do not tell.
        environment: what the task's overrides add to its containers' environment.
    """

    arn: str
    cluster: str
    group: str = ""
    definition: str = ""
    desired: str = _RUNNING
    last: str = _RUNNING
    version: int = 0
    address: str = ""
    zone: str = ""
    unhealthy: bool = False
    environment: tuple[tuple[str, str], ...] = ()

    @classmethod
    def decode(cls, record: Mapping[str, object]) -> Task:
        """Raises ValueError where the record names no task, cluster or status."""
        arn, cluster = _text(record, "taskArn"), _text(record, "clusterArn")
        desired, last = _text(record, "desiredStatus"), _text(record, "lastStatus")
        if not (arn and cluster and desired and last):
            raise ValueError("it has no taskArn, clusterArn, desiredStatus or lastStatus")
        version = record.get("version")
        return cls(
            arn=arn,
            cluster=cluster,
            group=_text(record, "group"),
            definition=_text(record, "taskDefinitionArn"),
            desired=desired,
            last=last,
            version=version if isinstance(version, int) else 0,
            address=_address(record),
            zone=_text(record, "availabilityZone"),
            unhealthy=record.get("healthStatus") == "UNHEALTHY",
            environment=tuple(_environment(record)),
        )

    @property
    def id(self) -> str:
        """The last part of the ARN: unique within a region for all times."""
        return self.arn.rpartition("/")[2]

    @property
    def region(self) -> str:
        """The region in the ARN."""
        parts = self.arn.split(":")
        return parts[3] if len(parts) > 3 else ""

    @property
    def starting(self) -> bool:
        """Whether it has never been running yet, and is to run."""
        return not self.over and self.last in _BEFORE

    @property
    def serves(self) -> bool:
        """Whether it is to have traffic."""
        return not self.over and self.last == _RUNNING and not self.unhealthy

    @property
    def over(self) -> bool:
        """Whether it is on its way out, from which no task returns."""
        return self.desired != _RUNNING or self.last not in {_RUNNING, *_BEFORE}

    def ended(self) -> Task:
        """The same task, stopped."""
        return replace(self, desired="STOPPED", last="STOPPED")


def newer(known: Task, told: Task) -> Task:
    """The later of two states of one task; where their versions agree, `told`."""
    if known.over or told.version < known.version:
        return known
    # What ECS no longer tells (the address of an interface that is gone) stays as it was known.
    return replace(
        told, address=told.address or known.address, group=told.group or known.group, zone=told.zone or known.zone
    )


def _text(record: Mapping[str, object], key: str) -> str:
    value = record.get(key)
    return value if isinstance(value, str) else ""


def _rows(record: Mapping[str, object], key: str) -> Iterator[Mapping[str, object]]:
    value = record.get(key)
    if isinstance(value, list):
        yield from (row for row in value if isinstance(row, Mapping))


def _address(record: Mapping[str, object]) -> str:
    """The task's own address, IPv4 first: as its containers have it, or its network interface."""
    interfaces = [row for container in _rows(record, "containers") for row in _rows(container, "networkInterfaces")]
    details = [row for each in _rows(record, "attachments") for row in _rows(each, "details")]
    named = {_text(row, "name").lower(): _text(row, "value") for row in details}
    found = [_text(row, "privateIpv4Address") for row in interfaces] + [named.get("privateipv4address", "")]
    found += [_text(row, "ipv6Address") for row in interfaces] + [named.get("ipv6address", "")]
    return next((address for address in found if address), "")


def _environment(record: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    overrides = record.get("overrides")
    if isinstance(overrides, Mapping):
        for container in _rows(overrides, "containerOverrides"):
            yield from ((_text(row, "name"), _text(row, "value")) for row in _rows(container, "environment"))
