"""``meshclient register``: an instance in a registry while a command runs, whatever it is written in."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from meshclient.cli.complaint import CommandError, Complaint
from meshclient.cli.exit_status import ExitStatus
from meshclient.cli.invocation import Invocation, config_options, output_options
from meshclient.cli.seconds import seconds, seconds_or_zero

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Callable

    from meshclient.model.endpoint import EndpointAttributes
    from meshclient.registration.lease import Lease

_SIGNALLED = 128
# These end the command, after the instance has left; others that have a meaning to servers are handed on as they come.
_ENDING = (signal.SIGTERM, signal.SIGINT)
_HANDED_ON = ("SIGHUP", "SIGUSR1", "SIGUSR2")
_FROM_TERMINALS = ("SIGQUIT", "SIGWINCH")
# Seconds between two looks whether the registry has the instance, for a line of progress.
_LOOK = 0.1


@click.command()
@click.argument("name")
@click.argument("command", metavar="[-- CMD ARG...]", nargs=-1, type=click.UNPROCESSED)
@click.option("--port", type=click.IntRange(1, 65535), required=True, help="Where the instance listens.")
@click.option("--host", help="Where others reach it (default: the address this host uses to reach other hosts).")
@click.option("--health", default="", metavar="PATH", help="Answers 2xx while the instance is fit, such as /healthz.")
@click.option("--registry", metavar="URI", help="Where to register (default: the configured resolver).")
@click.option("--id", "instance", help="Unique within the registry (default: NAME-HOST-PORT).")
@click.option("--tag", "tags", multiple=True, help="A label; repeatable.")
@click.option("--zone", default="", help="Availability zone.")
@click.option("--weight", type=float, default=1.0, help="Share relative to other instances.  [default: 1]")
@click.option("--ttl", default="15s", show_default=True, callback=seconds, help="The registry drops it when silent.")
@click.option(
    "--propagation",
    metavar="DURATION",
    callback=seconds_or_zero,
    help="How long CMD serves on after leaving (default: what the registry needs).",
)
@click.option(
    "--grace", default="10s", show_default=True, callback=seconds_or_zero, help="For CMD to end, before SIGKILL."
)
@config_options
@output_options
@click.pass_obj
def register(
    invocation: Invocation,
    name: str,
    command: tuple[str, ...],
    *,
    port: int,
    host: str | None,
    health: str,
    registry: str | None,
    instance: str | None,
    tags: tuple[str, ...],
    zone: str,
    weight: float,
    ttl: float,
    propagation: float | None,
    grace: float,
) -> int:
    """Keep an instance in a registry while a command runs.

    CMD is started, and NAME registered as soon as it answers: at --health, or else at its port. On SIGTERM or an
    interrupt the instance is taken out first, CMD serves on until callers have noticed, and only then gets the signal.
    Standard input and output are CMD's, and so is the exit code (128 and the number for a signal). A second signal,
    and each after it, goes to CMD at once.

    Without CMD the instance stays registered until a signal ends this.
    """
    if sys.platform == "win32":
        raise click.UsageError("register needs the signals of a Unix system")
    attributes: EndpointAttributes = {"tags": tags, "zone": zone, "weight": weight}
    if instance:
        attributes["id"] = instance

    def enter() -> Lease:
        try:
            return mesh.register(
                name,
                port=port,
                host=host,
                health=health,
                ttl=ttl,
                registry=registry,
                wait_ready=bool(command or health),
                on_sigterm=False,
                propagation=propagation,
                **attributes,
            )
        except ValueError as exc:
            raise CommandError(Complaint(ExitStatus.USAGE, f"{name} cannot be registered", str(exc))) from None

    with invocation.mesh("on-demand") as mesh:
        return asyncio.run(_Watch(invocation.say, command, grace).keep(enter))


class _Watch:
    """The command, the signals, and the lease between them."""

    def __init__(self, say: Callable[[str], None], command: tuple[str, ...], grace: float) -> None:
        self._say = say
        self._command = command
        self._grace = grace
        self._signals: asyncio.Queue[signal.Signals] = asyncio.Queue()
        # Ctrl-C reaches the whole foreground of a terminal, and a command moved out of it could not read from there.
        # Anywhere else the command stands apart, so that a signal for our process group leaves the order to us.
        self._apart = not _on_terminal()
        self._entered = False

    async def keep(self, enter: Callable[[], Lease]) -> int:
        """Register, run the command, leave; the exit code."""
        for number in _ENDING:
            asyncio.get_running_loop().add_signal_handler(number, self._signals.put_nowait, number)
        if not self._command and _is_heard(signal.SIGHUP):
            # The terminal is closed, and there is nobody who would make another use of the signal.
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._signals.put_nowait, signal.SIGHUP)
        # Before the command is started, so that whatever is wrong with the registration costs no start.
        lease = enter()
        telling = asyncio.create_task(self._tell(lease))
        try:
            if not self._command:
                return await self._until_signal(lease)
            return await self._with_command(lease, await self._start())
        finally:
            telling.cancel()
            await lease.aclose()

    async def _until_signal(self, lease: Lease) -> int:
        number = await self._signals.get()
        await self._leave(lease)
        return _SIGNALLED + number

    async def _with_command(self, lease: Lease, process: Process) -> int:
        ended = asyncio.create_task(process.wait())
        asked = asyncio.create_task(self._signals.get())
        await asyncio.wait({ended, asked}, return_when=asyncio.FIRST_COMPLETED)
        if asked.done() and not ended.done():
            again = await self._leave(lease, ended)
            passing = asyncio.create_task(self._pass_on(process, again or asked.result()))
            await asyncio.wait({ended}, timeout=self._grace)
            passing.cancel()
            if not ended.done():
                self._say(f"{self._command[0]} has not ended within the grace: killing it")
                _send(process, signal.SIGKILL)
        elif not self._entered and not lease.listed:
            self._say(f"{self._command[0]} ended before {lease.registration.service} was registered")
        asked.cancel()
        code = await ended
        return code if code >= 0 else _SIGNALLED - code

    async def _pass_on(self, process: Process, number: signal.Signals) -> None:
        """Let the command have this signal and all that follow, but for those it has had from its terminal."""
        while True:
            if self._apart or number is not signal.SIGINT:
                _send(process, number)
            number = await self._signals.get()

    async def _leave(self, lease: Lease, *sooner: asyncio.Task[int]) -> signal.Signals | None:
        """Leave and wait until callers have noticed, unless the command ends sooner or a second signal comes: that."""
        self._say("leaving the registry")
        leaving = asyncio.create_task(lease.aclose(linger=True))
        again = asyncio.create_task(self._signals.get())
        await asyncio.wait({leaving, again, *sooner}, return_when=asyncio.FIRST_COMPLETED)
        leaving.cancel()
        again.cancel()
        return again.result() if again.done() else None

    async def _start(self) -> Process:
        try:
            process = await asyncio.create_subprocess_exec(*self._command, process_group=0 if self._apart else None)
        except OSError as exc:
            what = f"cannot start {self._command[0]!r}"
            fix = (
                "write the command and its arguments after --, as in: meshclient register orders --port 8080 -- ./serve"
            )
            raise CommandError(Complaint(ExitStatus.USAGE, what, exc.strerror or str(exc), fix)) from None
        for name in (*_HANDED_ON, *(_FROM_TERMINALS if self._apart else ())):
            number = signal.Signals[name]
            if _is_heard(number):
                asyncio.get_running_loop().add_signal_handler(number, _send, process, number)
        return process

    async def _tell(self, lease: Lease) -> None:
        while not lease.listed:  # noqa: ASYNC110 - it is listed by another thread
            await asyncio.sleep(_LOOK)
        self._entered = True
        self._say(f"{lease.registration.service} is registered at {lease.registration.endpoint}")


def _on_terminal() -> bool:
    # A daemon may be started without any standard input.
    return sys.stdin is not None and sys.stdin.isatty()


def _is_heard(number: signal.Signals) -> bool:
    # Whoever starts this with nohup(1) wants the signal to have no effect.
    return signal.getsignal(number) != signal.SIG_IGN


def _send(process: Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(number)
