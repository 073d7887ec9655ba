"""The command that ``meshclient watch NAME -- CMD`` runs for each change.

Never two at once: a change that comes while it runs is handed over once it has ended, and of several only the newest,
since each brings the whole list along. What the command does with it is its own affair; that it failed is told.

It has the change on its standard input as a file that is already there in full. A pipe would have to be fed to one that
may not read it, and asyncio takes a process for running as long as any that it left behind still holds the other end.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
from contextlib import suppress
from shutil import which
from typing import TYPE_CHECKING

from meshclient.cli.complaint import CommandError, Complaint
from meshclient.cli.exit_status import ExitStatus

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Callable, Mapping, Sequence
    from typing import IO

# Seconds that a command which was asked to end may take for it.
GRACE = 5.0
# Those end the watch as well; the others are the command's alone.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_HANDED_ON = (signal.SIGUSR1, signal.SIGUSR2)
_SIGNALLED = 128
_PREFIX = "MESHCLIENT_"
_LIST = f"{_PREFIX}ENDPOINTS"
# Linux starts no program with a longer variable: MAX_ARG_STRLEN of execve(2), its name included.
_LONGEST = 128 * 1024 - 64


class Handler:
    """Runs the command.

    Args:
        command: its words.
        say: told of what a person should know.
        strict: whether its failure ends the watch.

    Raises the complaint where there is no such command.

    Attributes:
        asked: the signal that ended the watch, if one did.
        idle: set while the command has had every change that was handed over.
    """

    def __init__(self, command: Sequence[str], say: Callable[[str], None], *, strict: bool) -> None:
        if which(command[0]) is None:
            why = "there is no such program, or it cannot be executed"
            fix = "write the command behind --, as in: meshclient watch orders -- ./reload.sh"
            raise CommandError(Complaint(ExitStatus.USAGE, f"cannot start {command[0]!r}", why, fix))
        self.asked: signal.Signals | None = None
        self._command = command
        self._say = say
        self._strict = strict
        self._newest: tuple[Mapping[str, object], Sequence[str]] | None = None
        self._come = asyncio.Event()
        self.idle = asyncio.Event()
        self._starting: asyncio.Task[Process] | None = None
        self._told = False
        self._group = 0
        # Ctrl-C reaches the whole foreground of a terminal. Anywhere else the command stands apart.
        self._apart = sys.stdin is None or not sys.stdin.isatty()

    def hand(self, document: Mapping[str, object], urls: Sequence[str]) -> None:
        """Hand over a change, and the endpoints there are after it, now or as soon as the command has ended."""
        self._newest = document, urls
        self.idle.clear()
        self._come.set()

    def listen(self, end: Callable[[], object]) -> None:
        """Hand signals on to the command; `end` is called after one that ends the watch."""
        loop = asyncio.get_running_loop()
        for number in (*ENDING, *_HANDED_ON):
            # Whoever starts this with nohup(1) wants the signal to have no effect.
            if signal.getsignal(number) != signal.SIG_IGN:
                loop.add_signal_handler(number, self._take, number, end)

    def _take(self, number: signal.Signals, end: Callable[[], object]) -> None:
        from_terminal = number is signal.SIGINT and not self._apart
        sent = from_terminal or self._send(number)
        if number in ENDING:
            self._told = self._told or sent
            self.asked = self.asked or number
            end()

    async def run(self) -> None:
        """Run the command for each change that is handed over, for ever.

        Raises the complaint where it cannot be started, and where it fails and must not.
        """
        while True:
            newest, self._newest = self._newest, None
            if newest is not None:
                await self._once(*newest)
                continue
            self.idle.set()
            await self._come.wait()
            self._come.clear()

    async def _once(self, document: Mapping[str, object], urls: Sequence[str]) -> None:
        try:
            self._starting = asyncio.create_task(self._start(document, urls))
            # A command that has been started is ended in order, whenever the end comes.
            process = await asyncio.shield(self._starting)
        except OSError as exc:
            self._starting = None
            what = f"cannot start {self._command[0]!r}"
            raise CommandError(Complaint(ExitStatus.USAGE, what, exc.strerror or str(exc))) from None
        code = await process.wait()
        self._starting = None
        if code:
            ended = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"failed with exit code {code}"
            if self.asked is not None:
                return
            if self._strict:
                what = f"{self._command[0]} {ended}"
                why = f"it was run for version {document['version']} of {document['service']}"
                raise CommandError(Complaint(ExitStatus.FAILED, what, why, "leave out --fail to watch on after this"))
            self._say(f"{self._command[0]} {ended}; watching on")

    async def _start(self, document: Mapping[str, object], urls: Sequence[str]) -> Process:
        environ = {key: text for key, text in os.environ.items() if key != _LIST} | variables(document, urls)
        with _held(json.dumps(document, allow_nan=False).encode() + b"\n") as stdin:
            process = await asyncio.create_subprocess_exec(
                *self._command, stdin=stdin, env=environ, process_group=0 if self._apart else None
            )
        self._group = process.pid
        return process

    async def end(self) -> None:
        """End the command that runs: it has been told by the signal that ended the watch, or is told to terminate."""
        if self._starting is not None:
            process = await self._starting
            self._told = self._told or self._send(self.asked or signal.SIGTERM)
            try:
                async with asyncio.timeout(GRACE):
                    await process.wait()
            except TimeoutError:
                self._say(f"{self._command[0]} has not ended within {GRACE:g}s: killing it")
                self._clear(signal.SIGKILL)
                self._send(signal.SIGKILL)
                await process.wait()
        if self._told:
            self._clear(signal.SIGTERM)

    @property
    def code(self) -> int:
        """The exit code of the watch."""
        return 0 if self.asked is None else _SIGNALLED + self.asked

    def _send(self, number: signal.Signals) -> bool:
        """Whether there is a command to send it to."""
        if self._starting is None or not self._starting.done():
            return False
        with suppress(ProcessLookupError):
            self._starting.result().send_signal(number)
        return True

    def _clear(self, number: signal.Signals) -> None:
        """Send it to whatever the command has begun; a shell that is ended leaves what it waited for behind."""
        if self._apart and self._group:
            with suppress(ProcessLookupError):
                os.killpg(self._group, number)


def variables(document: Mapping[str, object], urls: Sequence[str]) -> dict[str, str]:
    """What the command finds in its environment, of the list no more than fits; all is on its standard input."""
    told = {f"{_PREFIX}{key.upper()}": str(document[key]) for key in ("service", "state", "version")}
    listed = " ".join(urls)
    return told | {_LIST: listed} if len(listed) < _LONGEST else told


def _held(content: bytes) -> IO[bytes]:
    """A file of nobody else's with `content`, to be read from its beginning."""
    if hasattr(os, "memfd_create"):
        file: IO[bytes] = os.fdopen(os.memfd_create(_PREFIX), "w+b")
    else:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    file.write(content)
    file.seek(0)
    return file
