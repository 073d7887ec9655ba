"""What all readers of events are sent: the state from time to time, and each decision as it is made.

A state is looked at and written down once, however many read it, and less often where it is long: thousands of
endpoints each second would cost the process that they are looked at in.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING

from meshclient.sidecar.admin.decision import decision, timestamp
from meshclient.sidecar.admin.reply import encoded, schema
from meshclient.sidecar.admin.stream import Stream, frame

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from meshclient.model.events import Event
    from meshclient.sidecar.admin.decision import Decision
    from meshclient.sidecar.admin.sight import Sight
    from meshclient.sidecar.admin.view import View

_LOG = logging.getLogger("meshclient")

# Decisions that somebody finds who comes later.
HISTORY = 100
# Events that other threads have told and nobody has read; of a storm that is longer the oldest are lost.
_UNREAD = 1000
# Endpoints that cost about two milliseconds to look at: so many are looked at each second.
EACH_SECOND = 300
# Seconds between two states, and between two glances while nobody looks.
_SOONEST, _LATEST, _IDLE = 1.0, 10.0, 5.0
# Endpoints of one service in a state: those with the most calls, and all that are not well.
SHOWN = 200


class Broadcast:
    """To any number of readers.

    Args:
        view: whose events.
        sight: whose states.
    """

    def __init__(self, view: View, sight: Sight) -> None:
        self._view = view
        self._sight = sight
        self._streams: set[Stream] = set()
        self._history: deque[Decision] = deque(maxlen=HISTORY)
        self._unread: deque[Event] = deque(maxlen=_UNREAD)
        self._woken = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._cease: Callable[[], None] | None = None

    def start(self) -> None:
        """Begin to listen and to look, on the running loop."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._cease = self._view.subscribe(self._told)
            self._tick()

    def stop(self) -> None:
        """End that."""
        if self._cease is not None:
            self._cease()
        if self._timer is not None:
            self._timer.cancel()
        self._loop = self._timer = self._cease = None
        self._streams.clear()

    @property
    def readers(self) -> int:
        """How many read."""
        return len(self._streams)

    @property
    def history(self) -> list[Decision]:
        """The latest decisions, the newest last."""
        return list(self._history)

    def join(self, stream: Stream) -> None:
        """One more reader: it is sent the latest decisions and the state at once."""
        self._streams.add(stream)
        past = {"schema": schema("decisions"), "decisions": [asdict(each) for each in self._history]}
        stream.line(frame("decisions", encoded(past)))
        self._show({stream})
        self._plan(_SOONEST)

    def leave(self, stream: Stream) -> None:
        """It reads no more."""
        self._streams.discard(stream)

    def _told(self, event: Event) -> None:
        """From any thread; must not raise."""
        self._unread.append(event)
        loop = self._loop
        if loop is not None and not self._woken:
            self._woken = True
            # The loop may have been closed meanwhile.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._read)

    def _read(self) -> None:
        self._woken = False
        # What is told meanwhile wakes this again.
        for _ in range(len(self._unread)):
            made = decision(self._unread.popleft())
            if made is None:
                continue
            self._history.append(made)
            if self._streams:
                data = frame("decision", encoded({"schema": schema("decision"), **asdict(made)}))
                for stream in list(self._streams):
                    stream.line(data)

    def _tick(self) -> None:
        if self._streams:
            self._plan(self._show(self._streams))
            return
        try:
            self._sight.glance()
        finally:
            self._plan(_SOONEST if self._sight.watched else _IDLE)

    def _show(self, streams: Collection[Stream]) -> float:
        """Send the state to these; seconds after which it is worth another look."""
        try:
            state, endpoints = self._state()
        except Exception:  # noqa: BLE001 - such as a view of somebody else's
            # Decisions are told on, and the next look may succeed.
            _LOG.exception("administration cannot tell the state")
            return _LATEST
        for stream in list(streams):
            stream.state(state)
        return min(_LATEST, max(_SOONEST, endpoints / EACH_SECOND))

    def _plan(self, seconds: float) -> None:
        if self._loop is None:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self._tick)

    def _state(self) -> tuple[bytes, int]:
        """The frame, and how many endpoints were looked at for it."""
        seen = self._sight.everything(SHOWN)
        state = {
            "schema": schema("state"),
            "time": timestamp(),
            "ready": self._view.ready(),
            "process": dict(self._view.stats()),
            "services": [{**service, "listed": parts} for service, parts in seen],
        }
        return frame("state", encoded(state)), sum(int(str(service["endpoints"])) for service, _ in seen)
