"""SIGTERM with a farewell: the instances of this process leave their registries, then the signal takes its course.

By default SIGTERM kills a process on the spot, and a server's own handler closes its sockets at once; either way
callers still hold the address. So a handler goes in front of the one that is there. It only asks the leases to leave,
which they do on the discovery thread while the main thread serves on. When the last has left, has waited until readers
have noticed and until its requests in flight have ended, that thread sends the main thread the signal again, and the
handler hands it to the one before: a server's stops the server, the default action ends the process with the status
of SIGTERM.

In the handler nothing may wait or take a lock, since the main thread may hold that very lock; it sets flags, and asks
by `BackgroundLoop.cancel`, which takes none. Repeated signals change nothing while the instances leave (a service
manager and a server's own supervisor often both send one); the time this takes is bounded.

Not served: a signal taken with `loop.add_signal_handler`, which reaches its event loop beside any handler. The
instances then leave at the same moment as the server stops.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_LOG = logging.getLogger("meshclient.registration")

# The handlers that event loops install: their only task is to be there, the loop hears of the signal from the kernel.
_EMPTY_HANDLERS = frozenset({"_sighandler_noop", "noop"})


class Leaver(Protocol):
    """What leaves when asked to; a `Lease`."""

    def depart(self) -> None:
        """Begin to leave: at once, without waiting or taking a lock."""
        ...


class SigtermChain:
    """One handler for SIGTERM in front of another, and the leases that leave before the other one is called."""

    def __init__(self, previous: Callable[[int, FrameType | None], object] | int) -> None:
        self._previous = previous
        self._pid = os.getpid()
        self._staying: set[Leaver] = set()
        self._leaving = False
        # Whoever takes the only element passes the signal on: the handler or the thread of the last lease.
        self._token = [None]
        self._over = False

    def add(self, leaver: Leaver) -> None:
        """Let it leave before the signal is passed on; `left` must follow some day."""
        self._staying.add(leaver)
        if self._leaving:
            leaver.depart()

    def left(self, leaver: Leaver) -> None:
        """It has left; from any thread."""
        self._staying.discard(leaver)
        if self._leaving and not self._staying and self._take_token():
            self._over = True
            main = threading.main_thread()
            if main.ident is not None and main.is_alive() and not self._heard_already:
                # To the main thread itself, which may sit in a system call that only a signal of its own ends.
                signal.pthread_kill(main.ident, signal.SIGTERM)

    def release(self, leaver: Leaver) -> None:
        """It has left by itself: it needs the handler no more, and if nobody does the one before is put back."""
        if self._leaving:
            return
        self._staying.discard(leaver)
        # Only the main thread may; a handler with nobody to wait for passes the signal on at once.
        if not self._staying and _in_main_thread() and self.installed:
            signal.signal(signal.SIGTERM, self._previous)

    @property
    def installed(self) -> bool:
        """Whether this is the handler of SIGTERM, for this process, and still to be called."""
        return not self._over and self._pid == os.getpid() and signal.getsignal(signal.SIGTERM) == self.handle

    def handle(self, number: int, frame: FrameType | None) -> None:
        """The handler."""
        foreign = self._pid != os.getpid()
        if not foreign and not self._over:
            if not self._leaving:
                self._leaving = True
                for leaver in list(self._staying):
                    leaver.depart()
            # The last may have left before the flag was there for it to see.
            if self._staying or not self._take_token():
                return
        self._pass_on(number, frame)

    @property
    def _heard_already(self) -> bool:
        return getattr(self._previous, "__name__", "") in _EMPTY_HANDLERS

    def _take_token(self) -> bool:
        with suppress(IndexError):
            self._token.pop()
            return True
        return False

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        if callable(self._previous):
            if signal.getsignal(signal.SIGTERM) == self.handle:
                signal.signal(signal.SIGTERM, self._previous)
            self._previous(number, frame)
        else:
            # The default action, which only the kernel can take; also where this was called by a later handler.
            signal.signal(signal.SIGTERM, self._previous)
            os.kill(os.getpid(), number)


_chain: SigtermChain | None = None


def leave_on_sigterm(leaver: Leaver) -> SigtermChain | None:
    """The chain that `leaver` is now part of; None where there can be none.

    That is outside the main thread, where Python allows no handlers; where the process ignores the signal, or has a
    handler that Python does not know; and on Windows, which has no such signal.
    """
    global _chain  # noqa: PLW0603 - signals belong to the process
    if sys.platform == "win32" or not _in_main_thread():
        _LOG.debug("SIGTERM will not take the instance out: registered outside the main thread")
        return None
    if _chain is None or not _chain.installed:
        previous = signal.getsignal(signal.SIGTERM)
        if previous is None or previous == signal.SIG_IGN:
            return None
        _chain = SigtermChain(previous)
        signal.signal(signal.SIGTERM, _chain.handle)
    _chain.add(leaver)
    return _chain


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
