"""Administration inside a process that uses the library, beside whatever it does.

It runs on the discovery thread, so that the program's own loop has nothing to do with it and needs none. It holds its
mesh weakly: a mesh that is dropped is not kept alive by those who look at it. A forked child begins it again at a place
of its own, and lets go of its parent's sockets first: clients would wait for ever for one that nobody reads.
"""

from __future__ import annotations

import asyncio
import logging
import os
from concurrent.futures import wait as wait_for
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import ref

from meshclient.discovery.runtime.background import CLOSE_TIMEOUT, wake
from meshclient.discovery.runtime.blocking import off_loop
from meshclient.discovery.runtime.loop import background, inherit
from meshclient.errors import ConfigError
from meshclient.sidecar.place import open_place, wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future
    from types import TracebackType
    from typing import Self

    from meshclient.mesh import Mesh
    from meshclient.sidecar.admin import Admin
    from meshclient.sidecar.place import Place

_LOG = logging.getLogger("meshclient")


class InProcess:
    """The administration of one mesh, until it is closed, or the end of a ``with`` block, of its mesh or the process.

    Args:
        mesh: whose.
        address: where, as `Mesh.serve_admin` takes it.
        token: reads what callers have to show, or None.
        host_names: as of `Admin`.
        exact: listen there before this returns, or raise; else it begins by itself, moves aside where a living process
            has the path of a Unix socket, and logs what cannot be.

    Raises ConfigError where the address or the token is none; where `exact`, also for a place that cannot be had.
    """

    def __init__(
        self,
        mesh: Mesh,
        address: str,
        *,
        token: Callable[[], str | None],
        host_names: Sequence[str] = (),
        exact: bool,
    ) -> None:
        self._wanted = wanted(address, Path.cwd())
        self._mesh = ref(mesh)
        self._token, self._host_names = token, tuple(host_names)
        self._stopped = False
        self._admin: Admin | None = None
        self._place: Place | None = None
        self._loop = background()
        inherit(self)
        if exact:
            self._place = self._opened(aside=False)
        try:
            self._job = self._loop.run(self._serve)
        except BaseException:
            self._put_away()
            raise
        # Before its first step a job can be ended without a trace.
        self._job.ended.add_done_callback(self._put_away)

    @property
    def address(self) -> str:
        """Where this process is administered, as ``--admin`` takes it; empty while it is not."""
        place = self._place
        return "" if place is None or self._stopped else str(place.address)

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self._job.ended.done()

    def bereave(self) -> None:
        """In a forked child: what is open belongs to its parent."""
        place, admin = self._place, self._admin
        self._place = self._admin = None
        if admin is not None:
            admin.bereave()
        if place is not None:
            place.forsake()

    def stop(self) -> None:
        """End it soon; does not wait, takes no lock, and may be called from anywhere."""
        self._stopped = True
        # A child that is forked until it has ended has nothing to begin.
        self._job.survives_fork = False
        if self._place is not None:
            self._place.remove()
        self._loop.cancel(self._job)

    def close(self, timeout: float = CLOSE_TIMEOUT) -> None:
        """End it: its socket is closed and its file gone when this returns, or after `timeout` seconds."""
        self.stop()
        wait_for([self._job.ended], timeout)

    async def aclose(self) -> None:
        """As `close`, without blocking the caller's event loop."""
        self.stop()
        if asyncio._get_running_loop() is not None:  # noqa: SLF001 - the public one raises
            await self._over()
        else:
            from meshclient.discovery.runtime.foreign import hosted

            await hosted(self._over)

    async def _over(self) -> None:
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        self._job.ended.add_done_callback(lambda _: wake(loop, over))
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await over.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _made(self) -> Admin:
        # The most of it, its readers of HTTP and JSON, and a file: what a call would have to wait for.
        from meshclient.sidecar.admin import Admin
        from meshclient.sidecar.admin.view import WeakView

        return Admin(WeakView(self._mesh), token=self._token(), host_names=self._host_names)

    def _opened(self, *, aside: bool) -> Place:
        admin = self._admin = self._admin or self._made()
        place = open_place(self._wanted, aside=aside)
        try:
            if not place.address.path:
                admin.guard.check_address(place.sock.getsockname()[0])
        except BaseException:
            place.sock.close()
            raise
        return place

    def _open(self) -> None:
        """Beside the loop, which must wait neither for imports nor for a folder on a network."""
        self._place = self._opened(aside=True)
        if self._stopped:
            self._put_away()

    async def _serve(self) -> None:
        """Begun anew in each forked child."""
        if self._place is None:
            try:
                await off_loop(self._open)
            except ConfigError as exc:
                _LOG.warning("%s; this process goes on without administration", exc)
                return
        place, admin = self._place, self._admin
        if place is None or admin is None or self._stopped:
            return
        try:
            await admin.listen(place.sock)
            _LOG.info("administration of process %d: %s", os.getpid(), place.address)
            await asyncio.Event().wait()
        finally:
            place.remove()
            await admin.aclose()
            self._put_away()

    def _put_away(self, _ended: Future[None] | None = None) -> None:
        place, self._place = self._place, None
        if place is not None:
            place.remove()
            place.sock.close()
