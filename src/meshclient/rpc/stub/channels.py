"""The channels that a stub's methods go over, one for each colour that they have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.errors import ConfigError
from meshclient.http import AsyncClient, Client
from meshclient.mesh import Mesh
from meshclient.rpc._async.channel import AsyncChannel
from meshclient.rpc._sync.channel import Channel
from meshclient.rpc.codec.registry import codec_named

if TYPE_CHECKING:
    from meshclient.rpc.stub.route import Common


class Channels:
    """Made when a first method asks for one of its colour.

    Args:
        over: what the stub was given: a channel, or what one is made over.
        service: the service's name; None where a channel knows it.
        common: what the interface says for all its methods.
    """

    def __init__(
        self, over: Mesh | AsyncChannel | Channel | AsyncClient | Client, service: str | None, common: Common
    ) -> None:
        self._over = over
        self._service = service or ""
        self._common = common
        self._made: dict[bool, AsyncChannel | Channel] = {}

    def of(self, asynchronous: bool) -> AsyncChannel | Channel:  # noqa: FBT001 - the colour, and nothing else
        """The channel for methods of this colour; raises ConfigError where there cannot be one."""
        made = self._made.get(asynchronous)
        if made is None:
            made = self._made[asynchronous] = self._make(asynchronous=asynchronous)
        return made

    def _make(self, *, asynchronous: bool) -> AsyncChannel | Channel:
        over = self._over
        if isinstance(over, AsyncChannel if asynchronous else Channel):
            return over
        # A client of the stub's own sends by itself what most methods send: less is left to do for each call.
        headers = {"accept": codec_named(self._common.codec or "json").media_type, **self._common.headers}
        if asynchronous and isinstance(over, Mesh | AsyncClient):
            return AsyncChannel(over, self._service, headers=headers)
        if not asynchronous and isinstance(over, Mesh | Client):
            return Channel(over, self._service, headers=headers)
        told, fits = ("", "AsyncChannel or AsyncClient") if asynchronous else ("not ", "Channel or Client")
        msg = f"it is {told}awaited, and needs a Mesh, {fits} to go over, not {type(over).__name__}"
        raise ConfigError(msg)
