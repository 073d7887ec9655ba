"""Events in any order, repeated, late, and handled at the same time: the registry ends up where ECS is."""

from __future__ import annotations

import random
import types
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from meshclient_aws.ecs.follower import Follower
from meshclient_aws.ecs.services import EcsServices
from meshclient_aws.ecs.task import Task
from meshclient_aws.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator

    from meshclient.registration.registrar import Registration

FIRST = Task("arn:aws:ecs:r:1:task/c/t1", "arn:aws:ecs:r:1:cluster/c", group="service:orders", address="10.0.0.1")
# Few states leave room for what matters: calls of several events that come in between each other.
LIFE = ["PENDING", "RUNNING", "STOPPING", "STOPPED"]


@types.coroutine
def turn() -> Generator[None, None, None]:
    """Where other events may come in between."""
    yield


@dataclass
class World:
    """ECS and a registry, each call of which lies between two turns."""

    states: list[Task]
    now: int = 0
    listed: set[str] = field(default_factory=set)
    source: str = "world://"
    propagation: float = 0.0

    async def describe(self, task: Task) -> Task:
        await turn()
        answer = self.states[self.now]
        await turn()
        return answer

    async def port(self, task: Task) -> int:
        return 80

    async def register(self, registration: Registration) -> None:
        await turn()
        self.listed.add(registration.endpoint.id)
        await turn()

    async def deregister(self, registration: Registration) -> None:
        await turn()
        self.listed.discard(registration.endpoint.id)
        await turn()

    async def renew(self, registration: Registration) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError


@st.composite
def lives(draw: st.DrawFn) -> list[Task]:
    """A task's states so far: its statuses in their order, its health going up and down while it runs."""
    states, version = [], 0
    for last in LIFE[: draw(st.integers(2, len(LIFE)))]:
        sick = draw(st.lists(st.booleans(), min_size=1, max_size=2)) if last == "RUNNING" else [False]
        for unhealthy in sick:
            version += 1
            states.append(replace(FIRST, last=last, version=version, unhealthy=unhealthy))
    if draw(st.booleans()):
        states.append(replace(states[-1], desired="STOPPED", version=version + 1))
    return states


class Jobs:
    """Events that are being handled, each at its own turn."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        self.running: list[tuple[Task, Coroutine[object, object, object]]] = []

    def deliver(self, event: Task) -> None:
        self.running.append((event, self._follower.follow(event)))

    def steps(self, index: int, turns: int) -> list[Task]:
        """Go on for so many turns at most; the event, where it has failed and is to be delivered again."""
        event, job = self.running[index]
        try:
            for _ in range(turns):
                job.send(None)
        except StopIteration:
            del self.running[index]
        except AwsError:
            del self.running[index]
            return [event]
        return []

    def close(self) -> None:
        for _, job in self.running:
            job.close()


def play(life: list[Task], rng: random.Random) -> set[str]:
    """What is listed when all events of this life have been handled, in an order and at turns that `rng` draws."""
    world = World(life)
    jobs = Jobs(Follower(world, world, EcsServices(), ttl=60.0))
    # Events carry no health; each state is told of at least once.
    news = [replace(state, unhealthy=False) for state in life]
    waiting = [*news, *rng.choices(news, k=rng.randrange(3))]
    with closing(jobs):
        while waiting or jobs.running or world.now + 1 < len(life):
            told = [event for event in waiting if event.version <= life[world.now].version]
            moves = ["advance"] * (world.now + 1 < len(life)) + ["deliver"] * bool(told) + ["step"] * bool(jobs.running)
            match rng.choice(moves):
                case "advance":
                    world.now += 1
                case "deliver":
                    event = rng.choice(told)
                    waiting.remove(event)
                    jobs.deliver(event)
                case _:
                    index = rng.randrange(len(jobs.running))
                    # Some turns at a stretch, so that one event may overtake another.
                    waiting += jobs.steps(index, rng.choice((1, 2, 100)))
    return world.listed


@given(life=lives(), seed=st.integers(0, 2**32 - 1))
def test_any_order_of_events_ends_in_the_same_state(life: list[Task], seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(20):
        assert play(life, rng) == ({FIRST.id} if life[-1].serves else set())
