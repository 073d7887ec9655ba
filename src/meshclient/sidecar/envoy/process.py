"""Envoy's process: started, listened to, started again when it ends by itself."""

from __future__ import annotations

import asyncio
import logging
import re
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from meshclient.errors import ConfigError
from meshclient.sidecar.envoy.tether import tethered

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from meshclient.sidecar.envoy.admin import EnvoyAdmin

_LOG = logging.getLogger("meshclient.envoy")
# Seconds from its start to its being ready: 0.1 as a rule, more on a busy machine or while endpoints are looked up.
START = 30.0
_LOOK = 0.01
# Pauses before it is started again; short at first, since its configuration has been good before.
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 30.0
# Seconds it must have run for the pauses to begin anew.
SETTLED = 60.0
_LEVELS = {"critical": logging.ERROR, "error": logging.ERROR, "warning": logging.WARNING}
_LINE = re.compile(r"\[(critical|error|warning|info|debug|trace)\] (.*)")


class EnvoyProcess:
    """Runs it.

    Args:
        program: its path.
        config: the bootstrap's path.
        admin: asks it.
        threads: that carry traffic.
        drain: seconds over which it stops accepting.
        ended: called when it has ended by itself, before it is started again.
        restarted: called when it runs again.
    """

    def __init__(
        self,
        program: str,
        config: Path,
        admin: EnvoyAdmin,
        *,
        threads: int,
        drain: float,
        ended: Callable[[], None],
        restarted: Callable[[], None],
    ) -> None:
        self._command = tethered([
            program, "-c", str(config), "--concurrency", str(threads), "--disable-hot-restart",
            "--drain-time-s", str(max(1, round(drain))), "--drain-strategy", "immediate",
            "--log-level", "warning", "--log-format", "[%l] %v",
        ])  # fmt: skip
        self._admin = admin
        self._ended = ended
        self._restarted = restarted
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._ending = False
        self.restarts = 0
        self.complaint = ""

    @property
    def pid(self) -> int | None:
        """Of the process, while it runs."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if running and self._process else None

    async def start(self) -> None:
        """Start it and wait until it serves. Raises ConfigError with its own last words where it does not."""
        await self._launch()
        if not await self._serves():
            await self._kill()
            raise ConfigError(f"Envoy did not come up: {self.complaint or f'no answer within {START:g} s'}")
        self._keeper = asyncio.create_task(self._keep(), name="envoy")

    async def aclose(self) -> None:
        """End it."""
        self._ending = True
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        await self._kill()

    async def _launch(self) -> None:
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                # An interrupt at the terminal is for this process, which then ends Envoy in order.
                start_new_session=True,
            )
        except OSError as exc:
            raise ConfigError(f"Envoy could not be started: {exc}") from exc
        assert self._process.stderr is not None  # noqa: S101 - asked for above
        self._reader = asyncio.create_task(self._listen(self._process.stderr), name="envoy's words")

    async def _serves(self) -> bool:
        end = time.monotonic() + START
        while self.pid is not None and time.monotonic() < end:
            if await self._admin.live():
                return True
            await asyncio.sleep(_LOOK)
        if self.pid is None and self._reader is not None:
            await self._reader
        return False

    async def _keep(self) -> None:
        """Start it again whenever it ends."""
        pause = 0.0
        while True:
            began = time.monotonic()
            process = self._process
            assert process is not None  # noqa: S101 - started before
            code = await process.wait()
            settled = time.monotonic() - began > SETTLED
            pause = FIRST_PAUSE if settled else min(LONGEST_PAUSE, max(FIRST_PAUSE, pause * 2))
            _LOG.error(
                "Envoy ended by itself (%s); it is started again in %.1f s with the last good configuration",
                _cause(code),
                pause,
            )
            self._ended()
            await asyncio.sleep(pause)
            self.restarts += 1
            try:
                await self._launch()
            except ConfigError as exc:
                _LOG.error("%s", exc)
                continue
            if await self._serves():
                self._restarted()
            elif self.pid is not None:
                await self._kill()

    async def _kill(self) -> None:
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(2):
                    await process.wait()
            except TimeoutError:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if self._reader is not None:
            await self._reader

    async def _listen(self, stream: asyncio.StreamReader) -> None:
        """Hand on what it says; lines that go on are of the one before."""
        level = logging.WARNING
        while True:
            try:
                line = (await stream.readline()).decode(errors="replace").rstrip()
            except ValueError:
                # Longer than the reader's buffer: what it begins with has been dropped.
                continue
            if not line:
                if stream.at_eof():
                    return
                continue
            found = _LINE.fullmatch(line)
            if found:
                level, line = _LEVELS.get(found[1], logging.DEBUG), found[2]
                self.complaint = line
            elif level >= logging.WARNING:
                self.complaint = f"{self.complaint} {line}"[-2000:]
            # What it says of its own end, when that is wanted, is no news.
            _LOG.log(logging.DEBUG if self._ending else level, "Envoy: %s", line)


def _cause(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
