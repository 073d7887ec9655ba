"""An interpreter that has everything imported already, and a child of it for each command and each page.

    python interpreter.py SOCKET

A ``meshclient`` that starts anew costs a quarter of a second, and the pages have hundreds of them. This program listens
at a Unix socket; for each connection a child is forked, which is either ``meshclient`` with the caller's arguments,
folder, variables, input and output, or a session that runs the Python blocks of a page one after the other. It imports
nothing of what a program may have or not have, such as OpenTelemetry's SDK. It ends with its standard input.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import importlib
import io
import json
import os
import select
import signal
import socket
import sys
import traceback
import warnings
from collections.abc import Iterator
from importlib import metadata
from types import ModuleType
from typing import Any

_PRELOADED = (
    "httpx",
    "meshclient.cli.main",
    "meshclient.cli.call",
    "meshclient.cli.config",
    "meshclient.cli.resolve",
    "meshclient.cli.watch",
    "meshclient.http._async.client",
    "meshclient.http._sync.client",
    "rich.console",
    "rich.table",
)


def main(address: str) -> None:
    for name in _PRELOADED:
        with contextlib.suppress(ImportError):  # whoever runs it is told; nobody else needs it
            importlib.import_module(name)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(16)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how a connection's process ended
    print("ready", flush=True)
    while True:
        watched: list[Any] = [listener, sys.stdin]
        readable, _, _ = select.select(watched, [], [])
        if sys.stdin in readable:
            return
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _serve(connection)
            os._exit(0)
        connection.close()


def _serve(connection: socket.socket) -> None:
    head, descriptors, _, _ = socket.recv_fds(connection, 1 << 20, 3)
    wish = json.loads(head)
    if "arguments" not in wish:
        _become(wish)
        _session(connection)
        return
    worker = os.fork()
    if worker == 0:
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
        _become(wish)
        os._exit(_command(wish["arguments"]))
    for descriptor in descriptors:
        os.close(descriptor)
    _attend(connection, worker)


def _become(wish: dict[str, Any]) -> None:
    os.environ.clear()
    os.environ.update(wish["variables"])
    os.chdir(wish["folder"])
    if hidden := os.environ.get("WITHOUT_PLUGIN"):
        _hide(hidden)


def _hide(distribution: str) -> None:
    """As if `distribution` were not installed: a page shows what is said then."""
    real = metadata.entry_points

    def entry_points(**wanted: Any) -> metadata.EntryPoints:
        found: Any = real(**wanted)
        return metadata.EntryPoints(each for each in found if each.dist and each.dist.name != distribution)

    for module in [metadata, *(module for name, module in sys.modules.items() if name.startswith("meshclient."))]:
        if getattr(module, "entry_points", None) is real:
            module.entry_points = entry_points  # type: ignore[attr-defined]


def _command(arguments: list[str]) -> int:
    from meshclient.cli.main import main as run

    sys.argv = ["meshclient", *arguments]
    # Those of this program have positions of their own in what they were.
    sys.stdin, sys.stdout, sys.stderr = _stream(0), _stream(1), _stream(2)
    try:
        code = run(arguments)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    return code


def _stream(number: int) -> Any:
    return open(number, "w" if number else "r", buffering=1 if number == 2 else -1, encoding="utf-8")


def _attend(connection: socket.socket, worker: int) -> None:
    """Hand signals on to `worker` until it ends; it ends with whoever asked for it."""
    ended, end = os.pipe()
    signal.signal(signal.SIGCHLD, lambda *_: os.write(end, b"."))
    while (found := os.waitpid(worker, os.WNOHANG)) == (0, 0):
        watched: list[Any] = [connection, ended]
        readable, _, _ = select.select(watched, [], [], 1.0)
        if connection in readable:
            number = connection.recv(1)
            os.kill(worker, number[0] if number else signal.SIGKILL)
    code = os.waitstatus_to_exitcode(found[1])
    with contextlib.suppress(OSError):
        connection.sendall(bytes([code if code >= 0 else 128 - code]))


def _session(connection: socket.socket) -> None:
    warnings.simplefilter("error")
    sys.argv = ["python"]
    sys.path.insert(0, "")
    # Annotations are looked up in the module that a class says it is of.
    own = sys.modules["__main__"] = ModuleType("__main__")
    names = own.__dict__
    with asyncio.Runner() as runner, connection.makefile("rw", encoding="utf-8") as stream:
        runner.get_loop()
        stream.write("ready\n")
        stream.flush()
        for line in stream:
            wish = json.loads(line)
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                error = _ran(wish["text"], wish["file"], wish["line"], names, runner)
            stream.write(json.dumps({"printed": printed.getvalue(), "error": error}) + "\n")
            stream.flush()
        os._exit(0)


def _ran(text: str, file: str, line: int, names: dict[str, object], runner: asyncio.Runner) -> list[str]:
    """How the block ended: nothing, or the classes of its error (with their parents) and the text."""
    try:
        for tree in _statements(text, line):
            code = compile(tree, file, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            made = eval(code, names)
            if made is not None:
                runner.run(made)
    except BaseException as error:
        classes = " ".join(each.__name__ for each in type(error).__mro__)
        return [classes, f"{type(error).__name__}: {error}", traceback.format_exc(limit=-3)]
    return []


def _statements(text: str, line: int) -> Iterator[ast.Module]:
    whole = ast.increment_lineno(ast.parse(text), line - 1)
    assert isinstance(whole, ast.Module)
    yield whole


if __name__ == "__main__":
    main(sys.argv[1])
