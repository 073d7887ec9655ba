"""Who uses what all clients of a mesh share: the last to leave lets go of its connections, and nobody before."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from meshclient.discovery.runtime.loop import fork_safe_lock

if TYPE_CHECKING:
    from collections.abc import Hashable


class Users:
    """The users by their place, a loop say, to which connections belong; from any thread.

    One that is forgotten without having left counts no more.
    """

    def __init__(self) -> None:
        self._places: WeakKeyDictionary[object, Hashable] = WeakKeyDictionary()
        self._lock = fork_safe_lock()

    def add(self, user: object, place: Hashable) -> None:
        """There is one more."""
        with self._lock:
            self._places[user] = place

    def leave(self, user: object) -> bool:
        """Whether `user`, which is none any more, was the last one at its place; False where it had left before."""
        with self._lock:
            if user not in self._places:
                return False
            place = self._places.pop(user)
            return place not in list(self._places.values())
