"""Which service of the mesh a task belongs to, and at which port."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from meshclient.errors import ConfigError
from meshclient.model.endpoint import MAX_PORT
from meshclient.model.service import ServiceName

# What a container's environment, or its docker labels, may say of its port.
PORT_VARIABLE = "MESHCLIENT_PORT"
PORT_LABEL = "meshclient.port"

_SERVICE = "service:"


@dataclass(frozen=True, slots=True)
class Target:
    """A service of the mesh that a task serves; port 0 stands for the one that its task definition tells."""

    service: ServiceName
    port: int = 0


@dataclass(frozen=True, slots=True)
class EcsServices:
    """From a task's group to services of the mesh.

    Args:
        targets: pairs of a group and a target; empty for "each ECS service under its own name".
    """

    targets: tuple[tuple[str, Target], ...] = ()

    @classmethod
    def parse(cls, text: str) -> EcsServices:
        """Read ``orders, shop-cart=cart:8080, family:worker=jobs``.

        An item is ``<ECS service>[=<service>][:<port>]``; ``family:<name>`` stands for tasks of that family that no ECS
        service runs. An ECS service may be named several times. Raises ConfigError for anything else.
        """
        return cls(tuple(_item(part.strip()) for part in text.split(",") if part.strip()))

    def of(self, group: str) -> tuple[Target, ...]:
        """The targets of tasks of this group; none for tasks that are nobody's business here."""
        if self.targets:
            return tuple(target for known, target in self.targets if known == group)
        if not group.startswith(_SERVICE):
            return ()
        return (Target(ServiceName.parse(group.removeprefix(_SERVICE))),)


def _item(text: str) -> tuple[str, Target]:
    family = text.startswith("family:")
    left, renamed, right = text.removeprefix("family:").partition("=")
    name, _, digits = (right if renamed else left).partition(":")
    left = left.partition(":")[0]
    try:
        if not left.strip():
            raise ValueError("it names no ECS service")
        target = Target(ServiceName.parse(name), checked_port(digits) if digits else 0)
    except ValueError as exc:
        raise ConfigError(
            f"{text!r} in MESHCLIENT_ECS_SERVICES is no service ({exc}): write one as orders or shop-cart=cart:8080"
        ) from None
    return ("family:" if family else _SERVICE) + left.strip(), target


def checked_port(text: str) -> int:
    """The port in `text`. Raises ValueError for anything else."""
    if not text.isdecimal() or not 1 <= int(text) <= MAX_PORT:
        raise ValueError(f"{text!r} is no port: write 1 to {MAX_PORT}")
    return int(text)


def port_of(definition: Mapping[str, object]) -> int:
    """The port that a task definition tells, 0 for none.

    It is that of the docker label ``meshclient.port``, else of the variable ``MESHCLIENT_PORT``, else the only TCP port
    that the containers map. Raises ValueError where a label or variable holds no port.
    """
    containers = list(_mappings(definition.get("containerDefinitions")))
    for container in containers:
        labels = container.get("dockerLabels")
        if isinstance(labels, Mapping) and PORT_LABEL in labels:
            return checked_port(str(labels[PORT_LABEL]))
    for container in containers:
        for variable in _mappings(container.get("environment")):
            if variable.get("name") == PORT_VARIABLE:
                return checked_port(str(variable.get("value")))
    mapped = [row for container in containers for row in _mappings(container.get("portMappings"))]
    ports = {row.get("containerPort") for row in mapped if row.get("protocol", "tcp") == "tcp"}
    only = ports.pop() if len(ports) == 1 else 0
    return only if isinstance(only, int) else 0


def _mappings(value: object) -> Iterator[Mapping[str, object]]:
    if isinstance(value, list):
        yield from (row for row in value if isinstance(row, Mapping))
