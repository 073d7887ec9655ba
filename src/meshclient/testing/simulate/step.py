"""What happens to a service during a run, as values: faults that come and go, replacements."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from meshclient.testing.simulate.behaviour import Behaviour
    from meshclient.testing.simulate.instance import Instance
    from meshclient.testing.simulate.stage import Stage

Trouble: TypeAlias = "Callable[[Behaviour], Behaviour]"


class Step(Protocol):
    """Something that happens to a service."""

    def plan(self, stage: Stage) -> None:
        """Put it on the stage's timeline."""
        ...


@dataclass(frozen=True, slots=True)
class Fault:
    """Instances are in trouble for a while.

    Args:
        begin: seconds of the run.
        end: seconds of the run.
        names: ids of the instances.
        trouble: makes the behaviour they have meanwhile of the one they have when they are well.
        afterwards: the same for the time after, such as a weak recovery; None: well again.
    """

    begin: float
    end: float
    names: tuple[str, ...]
    trouble: Trouble
    afterwards: Trouble | None = None

    def plan(self, stage: Stage) -> None:
        """Put it on the stage's timeline."""
        well = {name: stage.servers[name].behaviour for name in self.names}

        def change(trouble: Trouble | None) -> None:
            for name, behaviour in well.items():
                stage.behave(name, behaviour if trouble is None else trouble(behaviour))

        stage.timeline.at(self.begin, lambda: change(self.trouble))
        stage.timeline.at(self.end, lambda: change(self.afterwards))


@dataclass(frozen=True, slots=True)
class Replacement:
    """One instance goes and another comes, as in a rolling deploy.

    From `at` on the old one refuses connections and ends what it works on, while callers know it for `propagation`
    seconds more: the deploy that does not wait for its registry.

    Args:
        at: seconds of the run.
        name: id of the instance that goes.
        successor: the one that comes; it is listed at once.
        propagation: seconds until callers see the change.
    """

    at: float
    name: str
    successor: Instance
    propagation: float = 1.0

    def plan(self, stage: Stage) -> None:
        """Put it on the stage's timeline."""

        def replace() -> None:
            stage.stop(self.name)
            stage.start(self.successor)
            stage.publish(self.propagation)

        stage.timeline.at(self.at, replace)
