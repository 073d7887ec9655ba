"""A page, run from its top to its end: one folder, one shell and one Python session for all of its blocks."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import IO, Any

import yaml

from docs.comparison import matches
from docs.markdown import ROOT, Block, Command, blocks
from docs.world import World
from meshclient.config.loaded import load

LIMIT = 120.0
_LONELY = {"text", "ini", "http", "dockerfile", "diff"}  # languages of what is only shown
_PROJECT = {"project", "tool", "build-system", "dependency-groups"}
_SHELL = ("console",)
_END = "\x01"
_REQUIREMENT = re.compile(r"([A-Za-z][\w.-]*)(?:\[([\w, -]*)\])?(?:[=<>~!].*)?")
_FAILED = re.compile(r"^(?:error: |Usage: |.*No such command)", re.MULTILINE)


class PageError(Exception):
    """What is not as the page says; names the file and the line."""


@dataclass(slots=True)
class Page:
    """A page in its world.

    Args:
        path: relative to the root.
        folder: an empty one.
        world: which address stands for which.
        variables: of the shell and of Python.
        interpreter: address of the interpreter that makes sessions.
    """

    path: Path
    folder: Path
    world: World
    variables: dict[str, str]
    interpreter: str
    skipped: list[tuple[int, str]] = field(default_factory=list)
    _shell: subprocess.Popen[bytes] | None = None
    _session: socket.socket | None = None
    _stream: IO[str] | None = None
    _printed: str = ""

    def run(self) -> None:
        """Run every block. Raises PageError for the first that is not true."""
        try:
            for block in blocks((ROOT / self.path).read_text("utf-8")):
                self._block(block)
        finally:
            self.close()

    def close(self) -> None:
        """End what the page has started."""
        if self._stream is not None:
            self._stream.close()
        if self._session is not None:
            self._session.close()
        if self._shell is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._shell.pid, signal.SIGKILL)
            self._shell.communicate()

    def _block(self, block: Block) -> None:
        if block.directive == "environment":
            self._environment(block)
        elif block.directive == "not run":
            self._wrong(block.line, "'not run' gives no reason", unless=bool(block.words))
            self.skipped.append((block.line, block.words))
        elif block.directive == "prints":
            shown = matches(block.text, self._printed)
            self._wrong(block.line, f"printed instead:\n{self._printed}", unless=shown)
        elif block.language in _SHELL:
            self._console(block)
        elif block.language not in _LONELY:
            self._read(block)

    def _environment(self, block: Block) -> None:
        given = dict(pair.split("=", 1) for pair in self.world.inward(block.words).split())
        self.variables |= given
        if self._shell is not None:
            self._typed(
                Command(block.line, f"export {shlex.join(f'{name}={text}' for name, text in given.items())}", "")
            )
        if self._stream is not None:
            self._python(block, f"import os; os.environ.update({given!r})")

    def _read(self, block: Block) -> None:
        text = self.world.inward(block.text)
        if block.file:
            (self.folder / block.file).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / block.file).write_text(text + "\n", "utf-8")
        try:
            if block.language == "python":
                compile(text, str(self.path), "exec") if block.file else self._python(block, text)
            elif block.language == "toml":
                self._toml(block, text)
            elif block.language in {"json", "jsonl"}:
                for document in text.splitlines() if block.language == "jsonl" else [text]:
                    json.loads(document)
            elif block.language == "yaml":
                list(yaml.safe_load_all(text))
            else:
                raise ValueError(f"no test knows blocks of {block.language or 'no language'}: name one, such as text")
        except (ValueError, SyntaxError, yaml.YAMLError) as error:
            raise PageError(f"{self.path}:{block.line}: {error}") from None

    def _toml(self, block: Block, text: str) -> None:
        tables = configuration(block, text)
        if tables is None:
            return
        loaded = load(environ={}, cwd=self.folder, arguments=tables)
        self._wrong(block.line, "\n".join(loaded.warnings), unless=not loaded.warnings)

    def _python(self, block: Block, text: str) -> None:
        if self._stream is None:
            self._session = socket.socket(socket.AF_UNIX)
            self._session.settimeout(LIMIT)
            self._session.connect(self.interpreter)
            self._session.sendall(json.dumps({"folder": str(self.folder), "variables": self.variables}).encode())
            self._stream = self._session.makefile("rw", encoding="utf-8")
            self._stream.readline()  # it has the head, and takes blocks from now on
        self._stream.write(json.dumps({"text": text, "file": str(self.path), "line": block.line}) + "\n")
        self._stream.flush()
        reply = json.loads(self._stream.readline())
        self._printed = self.world.outward(reply["printed"])
        wanted = block.words if block.directive == "raises" else ""
        classes, told, trace = reply["error"] or ["", "", ""]
        if wanted:
            self._printed += self.world.outward(told)
            self._wrong(block.line, f"raises {told or 'nothing'}, not {wanted}", unless=wanted in classes.split())
        else:
            self._wrong(block.line, self.world.outward(trace), unless=not told)

    def _console(self, block: Block) -> None:
        failed = False
        commands = block.commands
        self._wrong(block.line, "no line begins with '$ '", unless=bool(commands))
        for command, following in zip(commands, (*commands[1:], None), strict=True):
            if command.text.startswith(("pip install ", "python -m pip install ")):
                self._installed(command)
                continue
            code, printed = self._typed(command)
            told = self.world.outward(printed)
            if command.shown or failed:
                self._wrong(command.line, f"{command.text} printed:\n{told}", unless=matches(command.shown, told))
            asks = following is not None and following.text.startswith("echo $?")
            allowed = code == 0 or asks or bool(_FAILED.search(command.shown)) or "^C" in command.shown
            self._wrong(command.line, f"{command.text} ended with {code}:\n{told}", unless=allowed)

    def _installed(self, command: Command) -> None:
        """What is installed from an index is looked at only: distributions and extras are such as there are."""
        for word in shlex.split(command.text, comments=True)[2:]:
            if (found := _REQUIREMENT.fullmatch(word)) and not word.startswith("-") and word not in {"pip", "install"}:
                extras = {extra.strip() for extra in (found[2] or "").split(",")} - {""}
                known = _extras(found[1])
                self._wrong(command.line, f"there is no distribution {found[1]}", unless=known is not None)
                unknown = extras - (known or set())
                self._wrong(command.line, f"{found[1]} has no extras {unknown}", unless=not unknown)

    def _typed(self, command: Command) -> tuple[int, str]:
        shell = self._shell or self._bash()
        assert shell.stdin is not None
        text = self.world.inward(command.text)
        if found := re.fullmatch(r"kill (%\d+)", text):
            text = f"{text}; wait {found[1]} 2>/dev/null; true"  # a person is slower than the process
        shell.stdin.write(f"{text}\n__code=$?; printf '{_END}%d{_END}' $__code; (exit $__code)\n".encode())
        shell.stdin.flush()
        code, printed = self._heard(command, interrupt="^C" in command.shown)
        background = text.partition("#")[0].rstrip().endswith("&")
        if background:
            own = [value for name, value in self.variables.items() if "SIDECAR" in name and "sidecar" in text]
            for port in re.findall(r"(?<![\d.])\d{4,5}(?!\d)", " ".join([text, *own])):
                _listening(int(port))
            printed += self._said(command)
        return code, printed

    def _bash(self) -> subprocess.Popen[bytes]:
        with interruptible():
            self._shell = subprocess.Popen(
                ["bash", "--noprofile", "--norc"],
                cwd=self.folder,
                env=self.variables,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        assert self._shell.stdin is not None
        self._shell.stdin.write(b"trap : INT\n")
        return self._shell

    def _heard(self, command: Command, *, interrupt: bool) -> tuple[int, str]:
        """What came until the command's end; where the page has ``^C``, it is interrupted when all else is there."""
        assert self._shell is not None
        assert self._shell.stdout is not None
        os.set_blocking(self._shell.stdout.fileno(), False)
        heard, until = b"", time.monotonic() + LIMIT
        wanted, again = command.shown.replace("^C", ""), 0.0
        while not (found := re.search(rb"\x01(\d+)\x01", heard)):
            piece: bytes | None = self._shell.stdout.read()
            if piece == b"" or time.monotonic() > until:
                self._wrong(command.line, f"{command.text} did not end; it printed:\n{heard.decode()}")
            heard += piece or b""
            if interrupt and again < time.monotonic() and matches(f"{wanted}...", self._told(heard)):
                os.killpg(self._shell.pid, signal.SIGINT)
                again = time.monotonic() + 1  # the first may have come before there was a program
            if piece is None:
                time.sleep(0.005)
        text = heard[: found.start()].decode("utf-8", "replace")
        return int(found[1]), f"{text}^C" if "^C" in command.shown else text

    def _told(self, heard: bytes) -> str:
        return self.world.outward(heard.decode("utf-8", "replace"))

    def _said(self, command: Command) -> str:
        """What a command in the background says at first: until that is there which the page shows."""
        assert self._shell is not None
        assert self._shell.stdout is not None
        heard, until = "", time.monotonic() + LIMIT
        while not matches(command.shown, self.world.outward(heard)) and time.monotonic() < until:
            heard += (self._shell.stdout.read() or b"").decode("utf-8", "replace")
            time.sleep(0.005)
        return heard

    def _wrong(self, line: int, text: str, *, unless: bool = False) -> None:
        if not unless:
            raise PageError(f"{self.path}:{line}: {text}")


def configuration(block: Block, text: str) -> dict[str, Any] | None:
    """What a TOML block says to meshclient; None where it is for another program. Raises ValueError."""
    tables = tomllib.loads(text)
    if tables.keys() & _PROJECT:
        own: dict[str, Any] | None = tables.get("tool", {}).get("meshclient")
        return own
    return tables if block.file in {"", "meshclient.toml"} else None


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Programs that are started here can be interrupted, even where this one is itself run in the background."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        if before is signal.SIG_IGN:
            signal.signal(signal.SIGINT, before)


def _extras(distribution: str) -> set[str] | None:
    try:
        return set(metadata.metadata(distribution).get_all("Provides-Extra") or ())
    except metadata.PackageNotFoundError:
        return None


def _listening(port: int) -> None:
    until = time.monotonic() + LIMIT
    while time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return
        time.sleep(0.01)
    raise PageError(f"nothing listens at port {port}")
