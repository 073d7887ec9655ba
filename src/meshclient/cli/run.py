"""``meshclient run``: a command with a sidecar of its own beside it, for as long as it lives."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from meshclient.cli.complaint import CommandError, Complaint
from meshclient.cli.exit_status import ExitStatus
from meshclient.cli.invocation import Invocation, config_options, output_options
from meshclient.cli.seconds import seconds_or_zero
from meshclient.cli.sidecar import arrangement, listen_to_logs, warn
from meshclient.cli.sidecar_options import arguments_of, sidecar_options

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Mapping

    from meshclient.sidecar.arrangement import Arrangement
    from meshclient.sidecar.sidecar import Sidecar

_LOG = logging.getLogger("meshclient.sidecar")
_SIGNALLED = 128
# These end the command, after the instance has left its registry; the others are handed on as they come.
_ENDING = (signal.SIGTERM, signal.SIGINT)
_HANDED_ON = ("SIGHUP", "SIGUSR1", "SIGUSR2")
_FROM_TERMINALS = ("SIGQUIT", "SIGWINCH")
URL_VARIABLE = "MESHCLIENT_SIDECAR_URL"
# What programs look for that know of no mesh. curl reads the one in small letters only.
PROXY_VARIABLES = ("http_proxy", "HTTP_PROXY")
EXCEPTION_VARIABLES = ("no_proxy", "NO_PROXY")
# What a program asks of its own host is nobody's service.
_EXCEPTIONS = "localhost,127.0.0.1,::1"


@click.command()
@click.argument("command", metavar="-- CMD [ARG...]", nargs=-1, type=click.UNPROCESSED, required=True)
@sidecar_options
@click.option(
    "--grace", default="10s", show_default=True, callback=seconds_or_zero, help="For CMD to end, before SIGKILL."
)
@config_options
@output_options
@click.pass_obj
def run(
    invocation: Invocation,
    command: tuple[str, ...],
    *,
    listen: str | None,
    inbound: str | None,
    app: str | None,
    app_port: int | None,
    admin: str | None,
    service: str | None,
    upstreams: tuple[str, ...],
    data_plane: str | None,
    grace: float,
) -> int:
    """Run a command with a sidecar beside it.

    CMD finds the sidecar in MESHCLIENT_SIDECAR_URL, http_proxy and HTTP_PROXY; ports that nobody asks for are chosen by
    the system. Standard input and output are CMD's, signals are handed on to it, and its exit code is returned (128 and
    the number for a signal). On SIGTERM or an interrupt what is registered leaves first; a second one goes to CMD at
    once.
    """
    if sys.platform == "win32":
        raise click.UsageError("run needs the signals of a Unix system")
    table = arguments_of(listen, inbound, app, app_port, admin, service, upstreams, data_plane)
    listen_to_logs(invocation)
    from meshclient.sidecar.running import run as run_on_loop

    return run_on_loop(_Escort(invocation, arrangement(invocation, table), command, grace).run())


class _Escort:
    """The sidecar, the command, and the signals between them."""

    def __init__(
        self, invocation: Invocation, arrangement: Arrangement, command: tuple[str, ...], grace: float
    ) -> None:
        self._invocation = invocation
        self._arrangement = _on_free_ports(arrangement)
        self._command = command
        self._grace = grace
        self._signals: asyncio.Queue[signal.Signals] = asyncio.Queue()
        # As in `meshclient register`: on a terminal Ctrl-C reaches the command by itself.
        self._apart = not (sys.stdin is not None and sys.stdin.isatty())

    async def run(self) -> int:
        """The command's exit code."""
        from meshclient.sidecar.sidecar import Sidecar

        loop = asyncio.get_running_loop()
        for number in _ENDING:
            loop.add_signal_handler(number, self._signals.put_nowait, number)
        loaded = self._arrangement.load(self._arrangement.read())
        warn(self._invocation, loaded)
        sidecar = Sidecar(loaded, {}, self._asked_to_leave)
        await sidecar.start()
        try:
            for name, address in sidecar.addresses.items():
                self._invocation.say(f"{name} listens at {address}")
            process = await self._start(sidecar.url)
            following = asyncio.create_task(self._follow(sidecar))
            try:
                return await self._until_ended(sidecar, process)
            finally:
                following.cancel()
        finally:
            await sidecar.aclose()

    async def _until_ended(self, sidecar: Sidecar, process: Process) -> int:
        ended = asyncio.create_task(process.wait())
        asked = asyncio.create_task(self._signals.get())
        await asyncio.wait({ended, asked}, return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            again = await self._leave(sidecar, ended)
            passing = asyncio.create_task(self._pass_on(process, again or asked.result()))
            await asyncio.wait({ended}, timeout=self._grace)
            passing.cancel()
            if not ended.done():
                self._invocation.say(f"{self._command[0]} has not ended within the grace: killing it")
                _send(process, signal.SIGKILL)
        asked.cancel()
        code = await ended
        return code if code >= 0 else _SIGNALLED - code

    async def _leave(self, sidecar: Sidecar, ended: asyncio.Task[int]) -> signal.Signals | None:
        """Leave the registry, unless the command ends sooner or a second signal comes: that."""
        leaving = asyncio.create_task(sidecar.depart())
        again = asyncio.create_task(self._signals.get())
        await asyncio.wait({leaving, again, ended}, return_when=asyncio.FIRST_COMPLETED)
        leaving.cancel()
        again.cancel()
        return again.result() if again.done() and not again.cancelled() else None

    async def _pass_on(self, process: Process, number: signal.Signals) -> None:
        """Let the command have this signal and all that follow, but for those it has had from its terminal."""
        while True:
            if self._apart or number is not signal.SIGINT:
                _send(process, number)
            number = await self._signals.get()

    async def _asked_to_leave(self) -> None:
        """As ``POST /drain`` asks: the command gets SIGTERM, as from outside."""
        self._signals.put_nowait(signal.SIGTERM)

    async def _follow(self, sidecar: Sidecar) -> None:
        """Load the configuration again when its file changes. SIGHUP is the command's."""
        from meshclient.sidecar.alteration import alterations
        from meshclient.sidecar.reloads import reason

        if not sidecar.settings.reload:
            return
        async for _ in alterations(sidecar.loaded.file):
            try:
                document = self._arrangement.read()
                await sidecar.reload(self._arrangement.load(document), document)
            except Exception as exc:  # noqa: BLE001 - whatever a plugin makes of it: what works goes on
                why = reason(exc)
                await sidecar.refused(why)
                _LOG.error("the configuration was not loaded, the one before stays in use: %s", why)

    async def _start(self, url: str) -> Process:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                env=with_sidecar(os.environ, url),
                start_new_session=self._apart,
            )
        except OSError as exc:
            what = f"cannot start {self._command[0]!r}"
            fix = "write the command and its arguments after --, as in: meshclient run -- python app.py"
            raise CommandError(Complaint(ExitStatus.USAGE, what, exc.strerror or str(exc), fix)) from None
        for name in (*_HANDED_ON, *(_FROM_TERMINALS if self._apart else ())):
            number = signal.Signals[name]
            # Whoever starts this with nohup(1) wants the signal to have no effect.
            if signal.getsignal(number) != signal.SIG_IGN:
                asyncio.get_running_loop().add_signal_handler(number, _send, process, number)
        return process


def with_sidecar(environ: Mapping[str, str], url: str) -> dict[str, str]:
    """The environment of a program beside the sidecar at `url`; proxies that somebody has chosen stay."""
    found = dict(environ)
    if not url:
        return found
    found[URL_VARIABLE] = url
    if url.startswith("http://") and not any(environ.get(name) for name in PROXY_VARIABLES):
        found |= dict.fromkeys(PROXY_VARIABLES, url)
        kept = next((environ[name] for name in EXCEPTION_VARIABLES if environ.get(name)), "")
        found |= dict.fromkeys(EXCEPTION_VARIABLES, f"{kept},{_EXCEPTIONS}" if kept else _EXCEPTIONS)
    return found


def _on_free_ports(arrangement: Arrangement) -> Arrangement:
    """The same, with the kernel's choice of port where nobody has made one, and in one process."""
    loaded = arrangement.load(arrangement.read())
    # With http_proxy in its environment, the command sends everything here.
    table: dict[str, object] = {"workers": 1, "passthrough": True}
    for name in ("outbound", "admin"):
        # Two commands on one host shall not get into each other's way.
        if loaded.origin(f"sidecar.{name}").layer == "default":
            table[name] = "127.0.0.1:0"
    given = arrangement.arguments.get("sidecar")
    own = given if isinstance(given, dict) else {}
    return replace(arrangement, arguments={**arrangement.arguments, "sidecar": {**table, **own}})


def _send(process: Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(number)
