"""What one watch has not looked at yet: where the stream's reader leaves word, and the watch waits for it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshclient_aws.dynamodb.change import Change
    from meshclient_aws.dynamodb.roster import Beat


class News:
    """Any number of changes make one wish to list again, and any number of renewals of an instance the latest one.

    Attributes:
        stale: whether the service should be listed again; the watch sets it back before it asks.
        streaming: whether changes are told of at present; without, only asking helps.
    """

    def __init__(self, *, streaming: bool = False) -> None:
        self.stale = False
        self.streaming = streaming
        self._beats: dict[str, Beat] = {}
        self._word = asyncio.Event()

    def tell(self, change: Change) -> None:
        """An item of the service has changed, or was renewed."""
        if change.beat is None:
            self.stale = True
        else:
            known = self._beats.get(change.instance)
            if known is None or change.beat.heartbeat > known.heartbeat:
                self._beats[change.instance] = change.beat
        self._word.set()

    def relist(self) -> None:
        """Something may have been missed."""
        self.stale = True
        self._word.set()

    def turn(self, *, streaming: bool) -> None:
        """The stream is read again, or no longer."""
        self.streaming = streaming
        self._word.set()

    def take(self) -> dict[str, Beat]:
        """The renewals since the last time, by instance."""
        beats, self._beats = self._beats, {}
        return beats

    async def wait(self, seconds: float) -> None:
        """Return when there is word, or after `seconds`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._word.wait()
        self._word.clear()
