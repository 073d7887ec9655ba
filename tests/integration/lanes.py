"""A call as each road of meshclient's clients takes it.

The short one; the short one behind httpx's own, as with hooks or with a body that is read later; and the driver's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from integration.wire import BOUND, Wire
from meshclient.model.snapshot import Pending

if TYPE_CHECKING:
    from collections.abc import Iterator

ROADS = ("plain", "hook", "stream", "driver")


class Lane(Wire):
    """One colour on one road.

    Attributes:
        road: "plain" for the short one; "hook" and "stream" for httpx's with the short one behind it, by an event hook
            or since nobody has read the body yet when the response is handed out; "driver" where somebody wants to be
            told of each step.
    """

    def __init__(self, colour: str, road: str) -> None:
        super().__init__(colour)
        self.road = road

    def known(self, *urls: str, **service: Any) -> Any:
        """X"""
        keywords = {name: service.pop(name) for name in ("limits", "observers", "defaults") if name in service}
        return listed(self.orders(*urls, service=service, verify=False, trust_env=False, **keywords))

    def made(self, client: Any) -> Any:
        """`client`, whose calls take this road."""
        if self.road == "hook":
            client.event_hooks = {"request": [self.hook(lambda _: None)]}
        return client

    def ask(self, client: Any, method: str = "GET", url: str = "http://orders/", **arguments: Any) -> Any:
        """The response, read."""
        return self.run(self.asking(client, method, url, **arguments))

    def asking(self, client: Any, method: str, url: str, **arguments: Any) -> Any:
        """As `ask`, not yet run where that needs a loop."""
        self.made(client)
        if self.road == "driver":
            told = _atold if self.is_async else _told
            arguments["extensions"] = {"trace": told, **arguments.get("extensions", {})}
        if self.road != "stream":
            # It has a way of its own.
            return client.get(url, **arguments) if method == "GET" else client.request(method, url, **arguments)
        follow = {"follow_redirects": arguments.pop("follow_redirects")} if "follow_redirects" in arguments else {}
        request = client.build_request(method, url, **arguments)
        return (_astreamed if self.is_async else _streamed)(client, request, follow)

    def ask_within(self, block: Any, client: Any, **arguments: Any) -> Any:
        """As `ask`, in the `with` block of a context manager, which a task has to enter by itself."""

        async def asked() -> Any:
            with block:
                return await self.asking(client, "GET", "http://orders/", **arguments)

        if self.is_async:
            return self.run(asked())
        with block:
            return self.ask(client, **arguments)

    def fails(self, client: Any, method: str = "GET", url: str = "http://orders/", **arguments: Any) -> Exception:
        """The error that a call ends in."""
        with pytest.raises(Exception) as caught:  # noqa: PT011 - whoever asks looks at it
            self.ask(client, method, url, **arguments)
        return caught.value


def listed(client: Any, name: str = "orders") -> Any:
    """`client`, once it has the list of a service: a call that has to wait for it takes httpx's road."""
    service = client.mesh.service(name)
    while isinstance(snapshot := service.snapshot, Pending):
        assert service.watch.wait(snapshot, BOUND)
    return client


def _told(event: str, info: dict[str, Any]) -> None:
    """Of a step, about which nobody cares."""


async def _atold(event: str, info: dict[str, Any]) -> None:
    """Likewise."""


def _streamed(client: Any, request: Any, follow: dict[str, bool]) -> Any:
    response = client.send(request, stream=True, **follow)
    try:
        response.read()
    finally:
        response.close()
    return response


async def _astreamed(client: Any, request: Any, follow: dict[str, bool]) -> Any:
    response = await client.send(request, stream=True, **follow)
    try:
        await response.aread()
    finally:
        await response.aclose()
    return response


@pytest.fixture(
    params=[f"{colour}-{road}" for colour in ("sync", "asyncio") for road in ROADS] + ["uvloop-plain"], name="lane"
)
def lane_fixture(request: pytest.FixtureRequest) -> Iterator[Lane]:
    """Each colour on each road; the short one on uvloop as well."""
    lane = Lane(*request.param.split("-"))
    try:
        yield lane
    finally:
        lane.end()


__all__ = ["BOUND", "ROADS", "Lane", "lane_fixture", "listed"]
