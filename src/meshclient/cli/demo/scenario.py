"""What happens during the demonstration, and what is remembered of it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import httpx

from meshclient import AsyncClient
from meshclient.cli.demo.fleet import SERVICE, Fleet, register
from meshclient.cli.demo.load import ATTEMPT_TIMEOUT, CONNECT_TIMEOUT, TIMEOUT, pace, round_robin, through_mesh
from meshclient.cli.demo.tally import Tally
from meshclient.model.events import EndpointEjected, EndpointRestored, PanicChanged, SnapshotUpdated

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.cli.demo.fleet import Instance
    from meshclient.model.events import Event

INSTANCES = 5
SLOWNESS = 0.4
# When each phase begins, as a share of the whole.
PHASES = {"steady": 0.0, "killed": 0.12, "slowed": 0.3, "failing": 0.5, "grown": 0.7}


@dataclass(frozen=True, slots=True)
class Happening:
    """Something to tell.

    Args:
        at: seconds since the load began.
        kind: what it was, in a word.
        instance: to which, or empty.
        text: the same for a person.
    """

    at: float
    kind: str
    instance: str
    text: str

    def document(self) -> dict[str, object]:
        """The happening as JSON-ready data."""
        return {
            "at_seconds": round(self.at, 3),
            "event": self.kind,
            "instance": self.instance or None,
            "text": self.text,
        }


class Demonstration:
    """One run.

    Args:
        duration: seconds of load.
        tell: called with each happening, on the event loop.

    Attributes:
        phase: the current one.
        mesh: the calls through meshclient.
        plain: the calls through httpx alone.
        happenings: what was told.
    """

    def __init__(self, duration: float, tell: Callable[[Happening], None]) -> None:
        self.duration = duration
        self.phase = "steady"
        self.mesh, self.plain = Tally(), Tally()
        self.happenings: list[Happening] = []
        self.states: dict[str, str] = {}
        self._tell = tell
        self._begin: float | None = None
        self._fleet = Fleet()
        self._client: AsyncClient | None = None

    @property
    def elapsed(self) -> float:
        """Seconds of load so far."""
        return 0.0 if self._begin is None else time.monotonic() - self._begin

    @property
    def instances(self) -> list[Instance]:
        """All that were started."""
        return self._fleet.instances

    def refresh(self) -> None:
        """Take the endpoints' states over from the balancer into `states`."""
        if self._client is not None:
            statuses = self._client.mesh.service(SERVICE).balancer.status(time.monotonic())
            self.states = {status.endpoint.url: status.state for status in statuses}

    async def run(self) -> None:
        """Start the instances, send the load, do the damage, end the instances."""
        loop = asyncio.get_running_loop()
        with TemporaryDirectory(prefix="meshclient-demo-") as folder, self._fleet as fleet:
            registry = Path(folder, "registry.json")
            first = await fleet.add(INSTANCES)
            register(registry, first)

            def observe(event: Event) -> None:  # on the discovery thread, for what the registry says
                if isinstance(event, EndpointEjected | EndpointRestored | PanicChanged | SnapshotUpdated):
                    loop.call_soon_threadsafe(self._learn, event)

            timeouts = {"connect_timeout": CONNECT_TIMEOUT, "attempt_timeout": ATTEMPT_TIMEOUT}
            # trust_env: a proxy of the environment has no business on the loopback interface.
            async with (
                AsyncClient(
                    f"file://{registry}", defaults=timeouts, observers=[observe], timeout=TIMEOUT, trust_env=False
                ) as client,
                httpx.AsyncClient(timeout=TIMEOUT, trust_env=False) as plain,
            ):
                self._client = client
                urls = [each.url for each in first]
                # Imports on first use and the first connection are nobody's latency: one call each is not counted.
                await through_mesh(client, Tally(), self._now)()
                await round_robin(plain, urls, Tally(), self._now)()
                by_name = through_mesh(client, self.mesh, self._now)
                in_turn = round_robin(plain, urls, self.plain, self._now)
                self._begin = time.monotonic()
                async with asyncio.TaskGroup() as group:
                    group.create_task(pace(by_name, self.duration))
                    group.create_task(pace(in_turn, self.duration))
                    group.create_task(self._damage(registry))
                self.refresh()
                self._client = None

    def _now(self) -> str:
        return self.phase

    async def _damage(self, registry: Path) -> None:
        _, killed, slowed, failing, *_ = self.instances
        self._note("load_started", "", f"load through meshclient and through httpx alone; {INSTANCES} instances")
        await self._until("killed")
        killed.kill()
        self._suffer(killed, "killed", "was killed with SIGKILL and stays in the registry, as after a crash")
        await self._until("slowed")
        slowed.tell(delay=SLOWNESS)
        self._suffer(slowed, "slowed", f"answers {SLOWNESS * 1000:.0f} ms later from now on")
        await self._until("failing")
        failing.tell(status=503)
        self._suffer(failing, "failing", "answers 503 at once from now on")
        await self._until("grown")
        (added,) = await self._fleet.add()
        register(registry, self.instances)
        self._suffer(added, "added", "was started and registered; httpx alone knows nothing of it")

    async def _until(self, phase: str) -> None:
        await asyncio.sleep(PHASES[phase] * self.duration - self.elapsed)
        self.phase = phase

    def _suffer(self, instance: Instance, fate: str, text: str) -> None:
        instance.fate = fate
        self._note(f"instance_{fate}", instance.name, f"{instance.name} {text}")

    def _learn(self, event: Event) -> None:
        if isinstance(event, EndpointEjected):
            name = event.endpoint.id
            text = f"meshclient ejects {name} for {event.duration:.1f}s after {event.failures} failures in a row"
            self._note("endpoint_ejected", name, text)
        elif isinstance(event, EndpointRestored):
            name = event.endpoint.id
            self._note("endpoint_restored", name, f"meshclient takes {name} back: its probe was answered")
        elif isinstance(event, PanicChanged):
            what = "fails open" if event.active else "no longer fails open"
            text = f"meshclient {what}: {event.usable} of {event.total} endpoints are usable"
            self._note("panic_changed", "", text)
        elif isinstance(event, SnapshotUpdated):
            self._note("list_updated", "", f"meshclient knows {len(event.snapshot.endpoints)} endpoints")

    def _note(self, kind: str, instance: str, text: str) -> None:
        happening = Happening(self.elapsed, kind, instance, text)
        self.happenings.append(happening)
        self._tell(happening)
