"""Services in processes of their own, by the server that one would use for each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from integration.registered_process import Server
from servers.ports import free_port
from servers.process import wait_until

if TYPE_CHECKING:
    from typing import Self

START = 30.0
# Flask's own server, and the standard library's where a framework has none for programs.
_WSGI = """
import sys
from importlib import import_module
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

class Threads(ThreadingMixIn, WSGIServer):
    daemon_threads = True

class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass

sys.path.insert(0, sys.argv[1])
module, _, name = sys.argv[2].partition(":")
app = getattr(import_module(module), name)
make_server("127.0.0.1", int(sys.argv[3]), app, server_class=Threads, handler_class=Quiet).serve_forever()
"""
# By what it serves.
KINDS = {
    "uvicorn": "-m uvicorn --no-access-log --log-level warning --app-dir {folder} {app} --host 127.0.0.1 --port {port}",
    "flask": "-m flask --app {folder}/{app} run --host 127.0.0.1 --port {port} --no-reload",
    "wsgiref": "{wsgi} {folder} {app} {port}",
}


class ServiceProcess:
    """A program that serves until the end of the block."""

    def __init__(self, kind: str, app: str, folder: Path, scratch: Path, **variables: str) -> None:
        """Start it.

        Args:
            kind: of server.
            app: as that calls it.
            folder: the program's.
            scratch: for its output.
            variables: its environment, beside that of this process; `PORT` is where it listens.
        """
        self.port = int(variables.get("PORT") or free_port())
        self.url = f"http://127.0.0.1:{self.port}"
        own = scratch / f"{kind}-{self.port}"
        own.mkdir()
        program = own / "wsgi_server.py"
        program.write_text(_WSGI)
        words = KINDS[kind].format(folder=folder, app=app, port=self.port, wsgi=program).split(" ")
        self.server = Server(own, *words, PYTHONDONTWRITEBYTECODE="1", PYTHONUNBUFFERED="1", **variables)

    def wait(self) -> None:
        """Until it answers."""
        wait_until(self._answers, START, "an answer")

    def end(self) -> None:
        """At once; whoever reads of a failure sees what it said."""
        self.server.kill()
        print(self.server.said)

    def __enter__(self) -> Self:
        try:
            self.wait()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def _answers(self) -> bool:
        assert self.server.process.poll() is None, self.server.said
        try:
            return httpx.get(f"{self.url}/healthz").status_code == 200
        except httpx.TransportError:
            return False
