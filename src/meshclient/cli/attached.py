"""A process that runs, asked over its administration: the part of a client that the commands with ``--admin`` share.

Where it is comes from ``--admin``, else from where this project's programs are configured to be (``MESHCLIENT_ADMIN``
or ``admin``), else it is the sidecar.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from meshclient.cli.attaching import broken_off, foreign, nobody, not_allowed, refused, silent
from meshclient.cli.complaint import CommandError, Complaint
from meshclient.cli.exit_status import ExitStatus
from meshclient.cli.server_sent import EventReader
from meshclient.model.listening import UNIX, Listening

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from types import TracebackType
    from typing import Self

    import httpx

    from meshclient.cli.invocation import Invocation

    Document = dict[str, Any]

F = TypeVar("F", bound=Callable[..., object])

# The sidecar's, where nothing is configured.
_USUAL = "127.0.0.1:7190"
_TOKEN_VARIABLE = "MESHCLIENT_ADMIN_TOKEN_FILE"  # noqa: S105 - the name of a variable
_PID = "{pid}"
# Seconds to connect and for an answer, and for which a stream that beats each 15 may be silent.
PATIENCE, _SILENCE = 10.0, 40.0


def admin_options(command: F) -> F:
    """``--admin`` and ``--admin-token-file``: arguments ``admin`` and ``admin_token_file``, to give to `attached`."""
    for option in (
        click.option(
            "--admin-token-file",
            metavar="FILE",
            help=f"Holds the token of the administration (default: {_TOKEN_VARIABLE}; without --admin the configured "
            "one).",
        ),
        click.option(
            "--admin",
            metavar="ADDRESS",
            help="The process: unix:run/mesh.sock, 127.0.0.1:7190 or http://... "
            f"(default: MESHCLIENT_ADMIN, or the configured one; else {_USUAL}).",
        ),
    ):
        command = option(command)
    return command


def attached(invocation: Invocation, admin: str | None, admin_token_file: str | None) -> Attached:
    """The process that is meant; nothing is asked of it yet.

    Raises CommandError for an address or a token file that is none, and where ``{pid}`` means several processes.
    """
    file = admin_token_file or os.environ.get(_TOKEN_VARIABLE, "").strip()
    if not admin:
        config = invocation.loaded().config
        admin = config.admin or config.sidecar.admin or _USUAL
        file = file or (config.admin_token_file if config.admin else config.sidecar.admin_token_file)
    return Attached(_address(admin), _token(file) if file else None)


def asked(process: Attached, path: str, **arguments: str) -> Document:
    """One document of a process; a short form for commands that need no more. Raises CommandError."""

    async def ask() -> Document:
        async with process:
            return await process.get(path, **arguments)

    return asyncio.run(ask())


def configuration(invocation: Invocation, admin: str | None, admin_token_file: str | None) -> Document:
    """The configuration in use in a process, as ``meshclient.config_show/v1``; secrets are masked there already.

    For ``meshclient config show --admin``. Raises CommandError.
    """
    return asked(attached(invocation, admin, admin_token_file), "/config")


class Attached:
    """The administration at one address, as an asynchronous context.

    Args:
        address: where.
        token: what it asks for, or None.
    """

    def __init__(self, address: Listening, token: str | None) -> None:
        self.address = address
        self._token = token
        self._client: httpx.AsyncClient | None = None

    def __str__(self) -> str:
        return str(self.address)

    async def __aenter__(self) -> Self:
        import httpx

        headers = {"authorization": f"Bearer {self._token}"} if self._token else {}
        path = self.address.path
        self._client = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=path) if path else None,
            base_url="http://localhost" if path else f"http://{self.address}",
            headers=headers,
            timeout=PATIENCE,
            trust_env=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def get(self, path: str, **arguments: str) -> Document:
        """The document at `path`. Raises CommandError."""
        return await self._ask("GET", path, arguments)

    async def post(self, path: str, **arguments: str) -> Document:
        """What an action answers. Raises CommandError."""
        return await self._ask("POST", path, arguments)

    async def events(self) -> AsyncGenerator[tuple[str, Document], None]:
        """Each event with its data, until the process ends the stream. Raises CommandError."""
        import httpx

        timeout = httpx.Timeout(PATIENCE, read=_SILENCE)
        try:
            async with self._open.stream("GET", "/events", timeout=timeout) as response:
                if response.status_code != 200 or "text/event-stream" not in response.headers.get("content-type", ""):
                    await response.aread()
                    raise self._refusal(response)
                reader = EventReader()
                async with aclosing(cast("AsyncGenerator[str, None]", response.aiter_text())) as parts:
                    async for part in parts:
                        for event, data in reader.feed(part):
                            yield event, json.loads(data)
        except (httpx.RemoteProtocolError, httpx.ReadError):
            # The end of a process is the end of the stream, in order or not.
            return
        except httpx.RequestError as error:
            raise self._unreached(error, _SILENCE) from None

    async def _ask(self, method: str, path: str, arguments: dict[str, str]) -> Document:
        import httpx

        try:
            response = await self._open.request(method, path, params=arguments)
        except httpx.RequestError as error:
            raise self._unreached(error, PATIENCE) from None
        if not response.is_success:
            raise self._refusal(response)
        try:
            document = response.json()
        except ValueError:
            document = None
        if not isinstance(document, dict) or not str(document.get("schema")).startswith("meshclient."):
            raise CommandError(foreign(str(self), response.status_code))
        return document

    @property
    def _open(self) -> httpx.AsyncClient:
        assert self._client is not None  # noqa: S101 - it is a context
        return self._client

    def _refusal(self, response: httpx.Response) -> CommandError:
        error = response.headers.get("mesh-error")
        if error is None:
            return CommandError(foreign(str(self), response.status_code))
        try:
            detail = str(response.json()["detail"])
        except (ValueError, KeyError, TypeError):
            detail = response.reason_phrase
        return CommandError(refused(str(self), error, detail, shown=self._token is not None))

    def _unreached(self, error: httpx.RequestError, patience: float) -> CommandError:
        import httpx

        if isinstance(error, httpx.TimeoutException):
            return CommandError(silent(str(self), patience if isinstance(error, httpx.ReadTimeout) else PATIENCE))
        if isinstance(error, httpx.ConnectError):
            if isinstance(_origin(error), PermissionError):
                return CommandError(not_allowed(str(self)))
            reason = getattr(_origin(error), "strerror", None) or str(error)
            return CommandError(nobody(str(self), reason.lower(), _others(self.address)))
        # What httpcore says where an answer did not even begin.
        if isinstance(error, httpx.NetworkError) or "disconnected" in str(error):
            return CommandError(broken_off(str(self)))
        return CommandError(foreign(str(self), None))


def _address(text: str) -> Listening:
    stripped = text.strip().removeprefix("http://").rstrip("/")
    if "/" in stripped and "://" not in stripped and not stripped.startswith(UNIX):
        stripped = UNIX + stripped
    try:
        found = Listening.parse(stripped)
    except ValueError:
        what = f"--admin: {text!r} is not the address of an administration"
        fix = f"write --admin unix:run/mesh.sock, or --admin {_USUAL}"
        raise CommandError(Complaint(ExitStatus.USAGE, what, fix=fix)) from None
    if _PID not in found.path:
        return found
    living = _living(found.path)
    if len(living) == 1:
        return Listening(path=living[0])
    if living:
        what = f"--admin: {len(living)} processes are at {found}"
        fix = f"choose one: {', '.join(f'--admin {UNIX}{path}' for path in living[:8])}"
        raise CommandError(Complaint(ExitStatus.USAGE, what, fix=fix))
    raise CommandError(nobody(str(found), "no process listens at a socket of this name", []))


def _token(file: str) -> str:
    path = Path(file).expanduser()
    fix = "name the file that the process was given as its admin_token_file"
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as exc:
        complaint = Complaint(ExitStatus.USAGE, f"the token file {path} cannot be read", str(exc), fix)
        raise CommandError(complaint) from None
    # Else it could not even be sent.
    if not re.fullmatch(r"[\x21-\x7e]+", token):
        why = "a token is one word of visible ASCII characters"
        raise CommandError(Complaint(ExitStatus.USAGE, f"the file {path} holds no token", why, fix))
    return token


def _others(address: Listening) -> list[str]:
    """Processes that were given the same address, and moved aside."""
    return [f"{UNIX}{path}" for path in _living(address.path)] if address.path else []


def _living(path: str) -> list[str]:
    from meshclient.sidecar.place import siblings

    return [str(each) for each in siblings(path) if _answers(str(each))]


def _answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as trial:
        trial.setblocking(False)
        return trial.connect_ex(path) == 0


def _origin(error: BaseException) -> OSError | None:
    """What the kernel said."""
    found: BaseException | None = error
    while found is not None and not (isinstance(found, OSError) and found.errno):
        found = found.__cause__ or found.__context__
    return found
