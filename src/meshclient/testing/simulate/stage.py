"""A service as it runs in a simulation: its instances, its registry, and the callers that watch it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from meshclient.testing.simulate.reply import REFUSED
from meshclient.testing.simulate.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.model.endpoint import Endpoint
    from meshclient.model.outcome import Outcome
    from meshclient.testing.simulate.behaviour import Behaviour
    from meshclient.testing.simulate.caller import Caller
    from meshclient.testing.simulate.instance import Instance
    from meshclient.testing.simulate.request import Request
    from meshclient.testing.simulate.tally import Tally
    from meshclient.testing.simulate.timeline import Timeline


class Stage:
    """The running side of one service.

    Args:
        service: its name.
        timeline: virtual time.
        tally: told of what arrives.
        seed: of the instances' chance.
        beneath: makes what calls the next service for an instance, or None at the bottom.

    Attributes:
        servers: by id of the instance.
        listed: what the registry says, by id.
        callers: who is told of it.
    """

    def __init__(
        self, service: str, timeline: Timeline, tally: Tally, seed: str, beneath: Callable[[str], Caller] | None = None
    ) -> None:
        self.service = service
        self.timeline = timeline
        self.servers: dict[str, Server] = {}
        self.listed: dict[str, Endpoint] = {}
        self.callers: list[Caller] = []
        self._tally = tally
        self._seed = seed
        self._beneath = beneath
        # How many lists were made, and the latest of them that callers have seen.
        self._written = self._shown = 0

    def start(self, instance: Instance) -> None:
        """Let an instance run and be listed; callers hear of it by `publish`."""
        name = instance.endpoint.id
        beneath = self._beneath(name) if self._beneath is not None else None
        seed = f"{self._seed} {self.service} {name}"
        executed = partial(self._tally.executed, self.service)
        self.servers[name] = Server(instance.behaviour, self.timeline, executed, seed=seed, beneath=beneath)
        self.listed[name] = instance.endpoint

    def stop(self, name: str) -> None:
        """End an instance: connections are refused from now on; what it works on it ends."""
        self.servers.pop(name, None)
        self.listed.pop(name, None)

    def publish(self, propagation: float) -> None:
        """Let all callers see what is listed now, after so many seconds, unless they have seen a later list by then."""
        self._written += 1
        number, listed = self._written, tuple(self.listed.values())

        def show() -> None:
            if number > self._shown:
                self._shown = number
                for caller in self.callers:
                    caller.watch.show(listed)

        self.timeline.after(propagation, show)

    def behave(self, name: str, behaviour: Behaviour) -> None:
        """Change how an instance behaves, if it still runs."""
        if name in self.servers:
            self.servers[name].behaviour = behaviour

    def receive(self, request: Request, endpoint: Endpoint, respond: Callable[[Outcome], None]) -> None:
        """A request for `endpoint`."""
        self._tally.attempt(self.service, endpoint, self.timeline.now)
        server = self.servers.get(endpoint.id)
        if server is None:
            self.timeline.after(REFUSED.delay, lambda: respond(REFUSED.outcome))
        else:
            server.receive(request, respond)
