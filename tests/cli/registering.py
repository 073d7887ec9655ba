"""``meshclient register`` in a process of its own, and a command for it that says what happens to it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cli.command import argv, environment

BOUND = 60.0
# An instance that says what happens to it.
SERVICE = """
import http.server, signal, sys, threading, time

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if ready else 503)
        self.end_headers()
        if not ready:
            print("unready", flush=True)
    def log_message(self, *_):
        pass

heard = []
def told(number, frame):
    global ready
    ready = True
    print(signal.Signals(number).name, round(time.time(), 3), flush=True)
    if number != signal.SIGUSR1 and "stubborn" not in sys.argv:
        heard.append(number)
        if "twice" not in sys.argv or len(heard) == 2:
            sys.exit(7)

for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP):
    signal.signal(number, told)
signal.alarm(90)  # where the test run itself was killed
ready = sys.argv[2] == "ready"
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
print("serving", flush=True)
server.serve_forever()
"""


class Running:
    """The command with its output in files, so that nothing has to be read while it runs."""

    def __init__(
        self,
        folder: Path,
        words: tuple[str, ...],
        command: tuple[str, ...],
        *,
        before: tuple[str, ...] = (),
        stdin: int = subprocess.DEVNULL,
    ) -> None:
        """Start ``register`` with these words, for `command`, by way of the program in `before`."""
        self.out, self.err = (Path(tempfile.mkstemp(dir=folder)[1]) for _ in range(2))
        with self.out.open("w") as out, self.err.open("w") as err:
            self.process = subprocess.Popen(
                [*before, *argv("register", *words), *(("--", *command) if command else ())],
                cwd=folder,
                env=environment({"XDG_RUNTIME_DIR": str(folder)}),
                stdin=stdin,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    def ended(self) -> int:
        return self.process.wait(BOUND)

    @property
    def lines(self) -> list[str]:
        return [line.split()[0] for line in self.out.read_text().splitlines()]


Rows = Callable[[], list[dict[str, Any]]]
Start = Callable[..., Running]


def service(port: int, *more: str, ready: bool = True) -> tuple[str, ...]:
    return (sys.executable, "-c", SERVICE, str(port), "ready" if ready else "unready", *more)
