"""A real Redis: one server on loopback, in memory only, with a password or TLS where a test needs them.

A restart loses everything. By hand: `PYTHONPATH=tests python -m servers.redis [--password PASSWORD]`.
"""

from __future__ import annotations

import argparse
import re
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from servers.errors import ServerError
from servers.packages import apt_install, find_program, first_line
from servers.ports import free_port
from servers.process import Process, spawn
from servers.server import DEFAULT_LIFE, Server, serve_by_hand

if TYPE_CHECKING:
    from collections.abc import Mapping

_PACKAGE = _PROGRAM = "redis-server"


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files for a server: the authority of its clients, its own certificate and key."""

    authority: Path
    certificate: Path
    key: Path


def install() -> Path:
    """The path of redis-server, installed from Debian where it is missing (that needs root)."""
    found = find_program(_PROGRAM)
    if found is None:
        apt_install([_PACKAGE])
        found = find_program(_PROGRAM)
    if found is None:
        raise ServerError(f"{_PROGRAM} is missing after its installation")
    return Path(found)


@cache
def program_version(program: str | Path) -> str:
    """`7.0.15`, as the program says itself."""
    found = re.search(r"v=(\d+(\.\d+)+)", first_line([str(program), "--version"]))
    return found[1] if found else "of unknown version"


class Redis(Server):
    """A Redis server at 127.0.0.1; `tls` opens a second port, which asks clients for a certificate if `ask_client`."""

    kind: ClassVar[str] = "redis"

    def __init__(
        self,
        *,
        password: str = "",
        tls: TlsFiles | None = None,
        ask_client: bool = False,
        life: float = DEFAULT_LIFE,
    ) -> None:
        """Prepare a server; nothing runs yet."""
        super().__init__(life=life)
        self.host = "127.0.0.1"
        self.port = self.tls_port = 0
        self.password = password
        self.tls = tls
        self._ask_client = ask_client

    @property
    def version(self) -> str:
        """The version of the program."""
        return program_version(find_program(_PROGRAM) or _PROGRAM)

    def missing(self) -> str | None:
        """How to get Redis where it is not here."""
        return None if find_program(_PROGRAM) else "no redis-server: run `python tests/servers/install.py`"

    def describe(self) -> Mapping[str, object]:
        """The server's address."""
        return {"redis": f"{self.host}:{self.port}", "password": self.password}

    def _choose_ports(self) -> None:
        self.port = free_port(self.host, span=2)
        self.tls_port = self.port + 1

    def _launch(self, node: int) -> Process:
        arguments = ["--bind", self.host, "--port", str(self.port), "--dir", str(self.dir), "--daemonize", "no"]
        arguments += ["--save", "", "--appendonly", "no", "--maxmemory", "64mb"]
        if self.password:
            arguments += ["--requirepass", self.password]
        if self.tls:
            arguments += ["--tls-port", str(self.tls_port), "--tls-cert-file", str(self.tls.certificate)]
            arguments += ["--tls-key-file", str(self.tls.key), "--tls-ca-cert-file", str(self.tls.authority)]
            arguments += ["--tls-auth-clients", "yes" if self._ask_client else "no"]
        return spawn([find_program(_PROGRAM) or _PROGRAM, *arguments], self.log(node), self.life)

    def _ready(self, node: int) -> bool:
        return self.command("PING") == b"+PONG\r\n"

    def command(self, *words: str, timeout: float = 5.0) -> bytes:
        """The reply to one command as it stands on the wire, over a connection of its own.

        Raises ServerError where it is an error, OSError where none comes.
        """
        reply = b""
        with socket.create_connection((self.host, self.port), timeout) as sock:
            for row in ([("AUTH", self.password)] if self.password else []) + [words]:
                sock.sendall(b"*%d\r\n" % len(row) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in _encoded(row)))
                reply = sock.recv(65536)
                if reply.startswith(b"-"):
                    raise ServerError(f"{row[0]}: {reply.decode().strip()}")
        return reply


def _encoded(words: tuple[str, ...]) -> list[bytes]:
    return [word.encode() for word in words]


def main() -> None:
    """Run Redis in the foreground until Ctrl-C."""
    parser = argparse.ArgumentParser(description="A real Redis on loopback, until Ctrl-C")
    parser.add_argument("--password", default="")
    serve_by_hand(Redis(password=parser.parse_args().password))


if __name__ == "__main__":
    main()
