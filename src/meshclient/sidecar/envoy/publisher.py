"""Gives Envoy each new state, and finds out whether it was taken."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import httpx

from meshclient.sidecar.envoy.folder import CLUSTERS, is_listing
from meshclient.sidecar.envoy.resources import Press
from meshclient.sidecar.envoy.verdicts import pattern, verdicts

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.sidecar.envoy.admin import EnvoyAdmin
    from meshclient.sidecar.envoy.folder import Folder
    from meshclient.sidecar.envoy.served import Picture
    from meshclient.sidecar.envoy.verdicts import Verdict

_LOG = logging.getLogger("meshclient.envoy")
# Seconds between two looks at whether an update was taken: the first, doubled each time, and the longest.
_LOOK, _LONGEST_LOOK = 0.002, 0.25
# Seconds after which that is no longer looked at: Envoy is being started again, and begins with these files.
_PATIENCE = 5.0
# Seconds for the threads that carry traffic to hear of what the main thread has taken.
_SPREAD = 0.005
# Seconds before files that cannot be written are tried again.
_AGAIN = 1.0
# Seconds before what was refused is offered again: a certificate that it names may be there by then.
OFFER = 30.0


class Publisher:
    """Writes the latest picture at once; pictures that come meanwhile are one.

    Args:
        folder: where.
        admin: tells what became of it.
        picture: the latest.
        complaint: Envoy's last words, for the reason of a refusal.

    Attributes:
        taken: files that Envoy has taken so far.
        refused: files that it refused so far.
        reason: why Envoy goes by an earlier state than the latest; empty while it does not.
    """

    def __init__(
        self, folder: Folder, admin: EnvoyAdmin, picture: Callable[[], Picture], complaint: Callable[[], str]
    ) -> None:
        self._folder = folder
        self._admin = admin
        self._picture = picture
        self._complaint = complaint
        self._press = Press(folder)
        self._due = asyncio.Event()
        self._settled = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._open: dict[str, str] = {}
        self._stale: set[str] = set()
        # Files over which Envoy may have ended, by the version that it had been given.
        self._doubted: dict[str, str] = {}
        self._doubtful = False
        self._seen: dict[str, str] = {}
        self._looked = 0.0
        self.taken = 0
        self.refused = 0
        self.reason = ""

    def write(self) -> None:
        """Write the latest picture. Raises OSError."""
        self._open |= self._folder.write(self._press.resources(self._picture()))

    async def look(self) -> None:
        """Find out what became of what was written, so far. Raises httpx.HTTPError."""
        self._looked = time.monotonic()
        stats = await self._admin.stats(pattern(self._open))
        for verdict in verdicts(self._open, self._seen, stats):
            del self._open[verdict.file]
            (self._take if verdict.taken else self._refuse)(verdict)
        if CLUSTERS in self._stale:
            # Lists for clusters that were refused are asked for by nobody.
            self._open = {file: version for file, version in self._open.items() if not is_listing(file)}
        self._seen |= stats

    @property
    def judged(self) -> bool:
        """Whether it is known what Envoy made of the listener, of all routes and of all clusters."""
        return not self._open.keys() & self._folder.whole

    @property
    def useless(self) -> bool:
        """Whether Envoy refused a part without which nothing can be called, and has no earlier one.

        Clusters are none while those that it names as wrong are left out.
        """
        lacking = self._stale & self._folder.lacking
        return bool(lacking - {CLUSTERS} if self._folder.held else lacking)

    def begin(self) -> None:
        """Go on writing whenever `notice` is called."""
        self._task = asyncio.create_task(self._publish(), name="envoy's configuration")

    def notice(self) -> None:
        """There is something new."""
        self._settled.clear()
        self._due.set()

    def ended(self) -> None:
        """Envoy has ended by itself, and is to begin again with what it is known to have taken.

        What it had not taken yet may be why. It is offered once more; where Envoy ends over it again, it is not, until
        it is another.
        """
        suspects = {file: version for file, version in self._open.items() if self._folder.restore(file, version)}
        self._open.clear()
        if suspects:
            self._doubtful = suspects.items() <= self._doubted.items()
            self._doubted |= suspects
            self.reason = f"Envoy ended before it had taken {', '.join(sorted(suspects))}"

    def restarted(self) -> None:
        """Envoy runs anew, and has counted nothing."""
        self._seen.clear()
        if self._doubted and not self._doubtful:
            self._folder.offer_again(self._doubted)
        self.notice()

    async def settled(self, timeout: float) -> bool:
        """Whether, within `timeout` seconds, all is with Envoy that was noticed."""
        try:
            async with asyncio.timeout(timeout):
                await self._settled.wait()
                await asyncio.sleep(_SPREAD)
        except TimeoutError:
            return False
        # Whatever was noticed since is not what was waited for.
        return True

    async def aclose(self) -> None:
        """Write no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _publish(self) -> None:
        pause, end = _LOOK, time.monotonic() + _PATIENCE
        while True:
            if self._open:
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._due.wait()
                pause = min(_LONGEST_LOOK, pause * 2)
            else:
                if not self._due.is_set():
                    self._settled.set()
                await self._rest()
            if self._due.is_set():
                self._due.clear()
                pause, end = _LOOK, time.monotonic() + _PATIENCE
                await self._try_to_write()
                if time.monotonic() - self._looked > _LONGEST_LOOK:
                    # However fast changes come, what is refused is not left unseen.
                    await self._try_to_look()
            elif time.monotonic() > end:
                self._open.clear()
            else:
                await self._try_to_look()

    async def _try_to_look(self) -> None:
        with suppress(httpx.HTTPError):
            await self.look()

    async def _rest(self) -> None:
        """Wait for something new, or until it is time to offer again what was refused."""
        try:
            async with asyncio.timeout(OFFER if self._stale or self._folder.held else None):
                await self._due.wait()
        except TimeoutError:
            self._folder.offer_again(self._stale)
            self._due.set()

    async def _try_to_write(self) -> None:
        try:
            self.write()
        except OSError as exc:
            self.reason = f"its configuration cannot be written: {exc}"
            _LOG.error("Envoy goes by an earlier state: %s", self.reason)
            await asyncio.sleep(_AGAIN)
            self._due.set()

    def _take(self, verdict: Verdict) -> None:
        self.taken += 1
        self._folder.accept(verdict.file, verdict.version)
        self._doubted.pop(verdict.file, None)
        self._stale = {file for file in self._stale if file != verdict.file and self._folder.has(file)}
        if not (self._stale or self._doubted or self._folder.held):
            self.reason = ""

    def _refuse(self, verdict: Verdict) -> None:
        self.refused += 1
        self._stale.add(verdict.file)
        self.reason = self._complaint() or f"it refused {verdict.file}"
        kept = self._folder.restore(verdict.file, verdict.version)
        if verdict.file == CLUSTERS and self._folder.hold(self.reason):
            self.notice()
        what = "goes by what it took before" if kept else "has nothing of the kind"
        _LOG.error("Envoy refused version %s of %s and %s: %s", verdict.version, verdict.file, what, self.reason)
