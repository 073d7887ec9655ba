"""Room for bodies on their way into a store: all that are collected at a time have one bound together.

Whoever collects a body holds a claim, which gives back what it has taken when it ends, or when it is forgotten: a
response that nobody closes must not take its room for good.
"""

from __future__ import annotations

from collections import deque

from meshclient.discovery.runtime.loop import fork_safe_lock, inherit


class Room:
    """So many bytes; from any thread.

    Args:
        size: of all claims together, at most.

    Attributes:
        returned: what has been given back; another one in a forked child, where claims of its parent's end for nothing.
    """

    def __init__(self, size: int) -> None:
        self._size = self._free = size
        # Claims end wherever the collector runs, under the lock too: nothing is taken there that could be held.
        self.returned: deque[int] = deque()
        self._lock = fork_safe_lock()
        inherit(self)

    def take(self, size: int) -> bool:
        """Whether there was room for so many bytes, which are taken now."""
        with self._lock:
            while self.returned:
                self._free += self.returned.popleft()
            if size > self._free:
                return False
            self._free -= size
        return True

    def bereave(self) -> None:
        """In a forked child nobody collects what its parent did."""
        self.returned = deque()
        self._free = self._size


class Claim:
    """What one body takes of the room, for as long as pieces of it are held."""

    __slots__ = ("_returned", "_room", "_taken")

    def __init__(self, room: Room) -> None:
        self._room = room
        self._returned = room.returned
        self._taken = 0

    def more(self, size: int) -> bool:
        """Whether so many bytes could be taken as well."""
        if not self._room.take(size):
            return False
        self._taken += size
        return True

    def end(self) -> None:
        """Give all of it back."""
        taken, self._taken = self._taken, 0
        if taken:
            self._returned.append(taken)

    def __del__(self) -> None:
        self.end()
