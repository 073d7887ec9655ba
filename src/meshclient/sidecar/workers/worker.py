"""A worker: a sidecar whose sockets, configuration and lists come from the supervisor. Run as a program.

It ends in order when it is told to, when it gets SIGTERM or SIGINT, and when the supervisor is gone.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshclient.config.source import Document
from meshclient.model.listening import Listening
from meshclient.sidecar.arrangement import Arrangement
from meshclient.sidecar.door import Door
from meshclient.sidecar.log_lines import log_to_stderr
from meshclient.sidecar.reloads import reason
from meshclient.sidecar.running import run
from meshclient.sidecar.sidecar import Sidecar
from meshclient.sidecar.workers.common_resolver import CommonResolver
from meshclient.sidecar.workers.frame import pack, receive

if TYPE_CHECKING:
    from meshclient.config.loaded import Loaded
    from meshclient.sidecar.preparation import Prepared

# What the supervisor has said; its shape is known to both ends of the socket alone.
Told = dict[str, Any]
_SIGNALLED = 128


class Worker:
    """One of several.

    Args:
        reader: from the supervisor.
        writer: to it.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._prepared: Prepared | None = None
        self._signalled = asyncio.Event()
        self._killed = asyncio.Event()

    async def run(self) -> int:
        """From start to end; the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._terminate)
        loop.add_signal_handler(signal.SIGHUP, lambda: None)
        told = await receive(self._reader)
        if told is None:
            return 1
        log_to_stderr(told["levels"][0], told["levels"][1], worker=told["number"])
        try:
            loaded = _loaded(told)
            sidecar = Sidecar(loaded, _doors(told), self._ask_to_end, resolver=_resolver(told), number=told["number"])
            await sidecar.start()
        except Exception as exc:  # noqa: BLE001 - the supervisor says it
            self._say({"said": "failed", "error": reason(exc)})
            # Nobody is there to hear of it where another one has failed before.
            with suppress(ConnectionError):
                await self._writer.drain()
            return 1
        self._say({"said": "serving", "addresses": sidecar.addresses})
        obeying = asyncio.create_task(self._obey(sidecar))
        signalled = asyncio.create_task(self._signalled.wait())
        await asyncio.wait({obeying, signalled}, return_when=asyncio.FIRST_COMPLETED)
        if not obeying.done():
            # Another one takes this place as soon as the supervisor hears of it.
            self._say({"said": "leaving"})
            obeying.cancel()
        ending = asyncio.create_task(_end(sidecar, hand_over=not obeying.done() or obeying.result()))
        killed = asyncio.create_task(self._killed.wait())
        await asyncio.wait({ending, killed}, return_when=asyncio.FIRST_COMPLETED)
        return 0 if ending.done() else _SIGNALLED + signal.SIGTERM

    async def _obey(self, sidecar: Sidecar) -> bool:
        """Until it is to end; whether others go on."""
        while (told := await receive(self._reader)) is not None:
            done = told["do"]
            if done == "drain":
                return bool(told["hand_over"])
            try:
                await self._reload(sidecar, told)
                self._say({"said": done, "error": None})
            except Exception as exc:  # noqa: BLE001 - the supervisor says it, and all go on as before
                self._say({"said": done, "error": reason(exc)})
        return False

    async def _reload(self, sidecar: Sidecar, told: Told) -> None:
        if told["do"] == "refused":
            await sidecar.refused(told["why"])
        elif told["do"] == "prepare":
            before, sidecar.resolver = sidecar.resolver, _resolver(told)
            try:
                self._prepared = await sidecar.prepare(_loaded(told))
            except BaseException:
                sidecar.resolver = before
                raise
        elif self._prepared is not None:
            prepared, self._prepared = self._prepared, None
            await (sidecar.commit(prepared) if told["do"] == "commit" else sidecar.discard(prepared))

    async def _ask_to_end(self) -> None:
        self._say({"said": "drain"})
        await self._killed.wait()

    def _say(self, message: Told) -> None:
        self._writer.write(pack(message))

    def _terminate(self) -> None:
        if self._signalled.is_set():
            self._killed.set()
        self._signalled.set()


async def _end(sidecar: Sidecar, *, hand_over: bool) -> None:
    await sidecar.drain(hand_over=hand_over)
    await sidecar.aclose(hand_over=True)


def _loaded(told: Told) -> Loaded:
    path = Path(told["path"]) if told["path"] else None
    arrangement = Arrangement(None, told["arguments"], tuple(told["sets"]))
    return arrangement.load(Document(path, told["label"], told["tables"]))


def _resolver(told: Told) -> CommonResolver | None:
    return CommonResolver(told["meeting"], told["generation"], told["source"]) if told["source"] else None


def _doors(told: Told) -> dict[str, Door]:
    doors = {}
    for each in told["doors"]:
        sockets = [socket.socket(fileno=descriptor) for descriptor in each["sockets"]]
        for sock in sockets:
            sock.setblocking(False)
        at = Listening.parse(each["at"])
        doors[each["name"]] = Door(each["name"], Listening.parse(each["wanted"]), sockets, at=at)
    return doors


async def _main(descriptor: int) -> int:
    reader, writer = await asyncio.open_unix_connection(sock=socket.socket(fileno=descriptor))
    try:
        return await Worker(reader, writer).run()
    finally:
        writer.close()


if __name__ == "__main__":
    sys.exit(run(_main(int(sys.argv[1]))))
