"""An instance's stay in a registry: entered, kept alive, entered again when forgotten, and left.

A registrar plugin holds the registry's protocol; when to speak it is decided here, once for all registries. The lease
runs on the discovery thread and never raises into the application: a service that cannot reach its registry serves on,
says so in the log and goes on trying. A forked child does not continue its parent's lease; one of its own waits for
the `seat`, so that pre-fork workers do not register one instance many times.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
from concurrent.futures import FIRST_COMPLETED
from concurrent.futures import wait as wait_for
from contextlib import suppress
from typing import TYPE_CHECKING

from meshclient.discovery.runtime.background import wake
from meshclient.discovery.runtime.loop import background
from meshclient.registration import stay
from meshclient.registration.sigterm import leave_on_sigterm
from meshclient.registration.stay import Stay
from meshclient.registration.terms import Terms

if TYPE_CHECKING:
    from concurrent.futures import Future
    from types import TracebackType
    from typing import Self

    from meshclient.discovery.resolver import Chance
    from meshclient.registration.registrar import Registrar, Registration
    from meshclient.registration.seat import Seat

_LOG = logging.getLogger("meshclient.registration")


class Lease:
    """A registration that lasts until it is closed, or until the end of a ``with`` block, or of the process.

    In a coroutine nothing here blocks: the constructor returns at once, ``async with`` waits for the first
    registration and `aclose` for the last word. Elsewhere the constructor waits, unless the instance is not ready yet
    or another worker of this host has it registered already.

    Args:
        registrar: writes to the registry; closed with the lease.
        registration: the instance.
        rng: jitter of renewals and back-off.
        timeout: seconds to wait for the first registration; it goes on in the background after that.
        terms: how the instance enters and leaves.
        seat: what those share that would register the same instance from this host, or None.
    """

    def __init__(
        self,
        registrar: Registrar,
        registration: Registration,
        *,
        rng: Chance,
        timeout: float = 5.0,
        terms: Terms | None = None,
        seat: Seat | None = None,
    ) -> None:
        self.registration = registration
        self._source = registrar.source
        self._timeout = timeout
        self._terms = terms or Terms()
        propagation = self._terms.propagation
        self._lingering = (registrar.propagation if propagation is None else propagation) + self._terms.grace
        self._stay = Stay(registrar, registration, self._terms, seat, rng)
        self._loop = background()
        self._job = self._loop.run(self._stay.run, survives_fork=False)
        atexit.register(self.close)
        self._chain = leave_on_sigterm(self) if self._terms.on_sigterm else None
        if self._chain is not None:
            chain = self._chain
            self._job.ended.add_done_callback(lambda _: chain.left(self))
        if not _in_coroutine():
            self._doubt(bool(wait_for([self._stay.entered, self._job.ended], timeout, FIRST_COMPLETED).done))

    @property
    def listed(self) -> bool:
        """Whether the registry has the instance by this process's doing, as far as is known here."""
        # In a forked child the job is over, whatever the parent's had reached.
        return self._stay.listed.is_set() and not self._job.ended.done()

    @property
    def elsewhere(self) -> bool:
        """Whether another worker of this host has the instance listed, so that this one need not."""
        return self._stay.elsewhere.is_set() and not self._job.ended.done()

    def close(self, *, linger: bool = False) -> None:
        """Take the instance out of the registry; returns when it is out, or after a few seconds.

        Args:
            linger: return only when readers have noticed too and the requests in flight have ended, within `grace`
                seconds: the server may then stop.
        """
        self._begin_to_leave(linger=linger)
        # First, since in a forked child the other future may be held by a thread that does not exist there.
        if not self._job.ended.done():
            wait_for(self._left(linger=linger), self._patience(linger=linger), FIRST_COMPLETED)
        if self._chain is not None:
            self._chain.release(self)

    async def aclose(self, *, linger: bool = False) -> None:
        """As `close`, without blocking the caller's event loop."""
        self._begin_to_leave(linger=linger)
        if not self._job.ended.done():
            await _first(self._left(linger=linger), self._patience(linger=linger))
        if self._chain is not None:
            self._chain.release(self)

    def depart(self) -> None:
        """Begin to leave and to linger, as `close` does, without waiting; safe in a signal handler."""
        self._stay.linger = True
        self._loop.cancel(self._job)

    def __enter__(self) -> Self:
        if _in_coroutine():
            self._begin_to_leave(linger=False)
            raise RuntimeError("leaving would block this event loop: write `async with mesh.register(...)`")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        self._doubt(await _first([self._stay.entered, self._job.ended], self._timeout))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _begin_to_leave(self, *, linger: bool) -> None:
        atexit.unregister(self.close)
        if linger:
            self._stay.linger = True
        self._loop.cancel(self._job)

    def _left(self, *, linger: bool) -> list[Future[None]]:
        return [self._job.ended] if linger else [self._job.ended, self._stay.out]

    def _patience(self, *, linger: bool) -> float:
        return stay.LEAVE_TIMEOUT + 1 + (self._lingering if linger else 0)

    def _doubt(self, entered: bool) -> None:  # noqa: FBT001 - one meaning
        if not entered:
            _LOG.warning("%s is not registered at %s yet; trying on", self.registration.endpoint, self._source)


def _in_coroutine() -> bool:
    with suppress(RuntimeError):
        asyncio.get_running_loop()
        return True
    return False


async def _first(futures: list[Future[None]], timeout: float) -> bool:
    """Wait for one of the futures of another thread, without cancelling them; False when the time runs out first."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    for future in futures:
        future.add_done_callback(lambda _: wake(loop, done))
    try:
        async with asyncio.timeout(timeout):
            await done.wait()
    except TimeoutError:
        return False
    return True
