"""One service of a simulation, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient.config.shape import ServiceConfig

if TYPE_CHECKING:
    from meshclient.testing.simulate.instance import Instance
    from meshclient.testing.simulate.step import Step


DEFAULTS = ServiceConfig()


@dataclass(frozen=True, slots=True)
class Tier:
    """A service and how it is called.

    Args:
        service: its name.
        instances: where it runs at first; each needs an id of its own.
        config: how its callers call it.
        steps: what happens to it.

    Raises ValueError where two instances have one id, or one has none.
    """

    service: str
    instances: tuple[Instance, ...]
    config: ServiceConfig = DEFAULTS
    steps: tuple[Step, ...] = ()

    def __post_init__(self) -> None:
        ids = [instance.endpoint.id for instance in self.instances]
        if "" in ids or len(set(ids)) < len(ids):
            raise ValueError(f"the instances of {self.service!r} need ids, each another: they have {ids}")
