"""A real authoritative name server (Knot, or BIND where there is no Knot) with SRV records on loopback.

The zone mesh.test (see dnszone.py) is changed as DHCP servers and Kubernetes' external-dns change theirs:
by RFC 2136 updates. At hand besides: NXDOMAIN (any unknown name), an answer without data (`a1` for SRV),
REFUSED (a name outside the zones), SERVFAIL (anything under broken.test), truncation (`_big._tcp`).
By hand: `PYTHONPATH=tests python -m servers.dns [--program bind]`.
"""

from __future__ import annotations

import argparse
import re
import shutil
import socket
import struct
from functools import cache
from typing import TYPE_CHECKING, ClassVar, Literal

from servers.dnszone import BIND, KNOT, ORIGIN, bind_limits, records
from servers.errors import ServerError
from servers.packages import apt_install, find_program, first_line
from servers.ports import free_port
from servers.process import Process, spawn
from servers.server import DEFAULT_LIFE, Server, serve_by_hand

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

type_of = {"A": 1, "SOA": 6, "AAAA": 28, "SRV": 33}
_NOERROR = 0

Program = Literal["knot", "bind"]
_PACKAGES: dict[Program, tuple[str, str]] = {"knot": ("knotd", "knot"), "bind": ("named", "bind9")}


def locate(program: Program) -> str | None:
    """The path of knotd or named, or None."""
    return find_program(_PACKAGES[program][0])


def install(program: Program) -> str:
    """The path of knotd or named, installed from Debian where it is missing (that needs root)."""
    found = locate(program)
    if found is None:
        apt_install([_PACKAGES[program][1]])
        found = locate(program)
    if found is None:
        raise ServerError(f"{_PACKAGES[program][0]} is missing after its installation")
    return found


@cache
def program_version(path: str) -> str:
    """`3.2.6`, as the program says itself."""
    found = re.search(r"\d+(\.\d+)+", first_line([path, "-V"]))
    return found[0] if found else "of unknown version"


class DnsServer(Server):
    """An authoritative name server for the zone mesh.test on one loopback port, UDP and TCP.

    `program` is Knot where it is installed and BIND otherwise, unless given.
    """

    kind: ClassVar[str] = "dns"

    def __init__(
        self,
        *,
        program: Program | None = None,
        zone: str | None = None,
        ttl: int = 2,
        life: float = DEFAULT_LIFE,
    ) -> None:
        """Prepare the server; `zone` replaces the records, `ttl` (seconds) is theirs where they name none."""
        self.program: Program = program or ("bind" if locate("bind") and not locate("knot") else "knot")
        super().__init__(life=life)
        self.zone = zone or records()
        self.ttl = ttl
        self.host = "127.0.0.1"
        self.port = 0
        self.origin = ORIGIN

    @property
    def product(self) -> str:
        """`knot` or `bind`."""
        return self.program

    @property
    def version(self) -> str:
        """The program's version."""
        return program_version(locate(self.program) or self.program)

    def missing(self) -> str | None:
        """How to get a name server where there is none."""
        return None if locate(self.program) else "no knotd or named: run `python tests/servers/install.py`"

    def describe(self) -> Mapping[str, object]:
        """The server's address and zone."""
        return {"dns": f"{self.host}:{self.port}", "program": self.program, "zone": self.origin}

    def _choose_ports(self) -> None:
        self.port = free_port(self.host, udp=True)

    def _launch(self, node: int) -> Process:
        (self.dir / f"{self.origin}.zone").write_text(f"$ORIGIN {self.origin}.\n$TTL {self.ttl}\n{self.zone}")
        (self.dir / "db").mkdir(exist_ok=True)
        values = {"dir": self.dir, "host": self.host, "port": self.port, "origin": self.origin}
        program = locate(self.program) or self.program
        settings = self.dir / f"{self.program}.conf"
        if self.program == "knot":
            settings.write_text(KNOT.format(**values))
            argv = [program, "-c", str(settings)]
        else:
            settings.write_text(BIND.format(**values, limits=bind_limits(program_version(program))))
            argv = [program, "-c", str(settings), "-n", "1", "-g"]
        return spawn(argv, self.log(node), self.life)

    def _ready(self, node: int) -> bool:
        return node == 0 and self.rcode(self.origin, "SOA") == _NOERROR

    def restart(self, node: int = 0, *, wipe: bool = True, wait: bool = True) -> None:
        """The zone starts again from its text: updates are forgotten, unless `wipe` is off."""
        super().restart(node, wipe=wipe, wait=wait)

    def _wipe(self, node: int) -> None:
        shutil.rmtree(self.dir / "db", ignore_errors=True)
        for journal in self.dir.glob("*.jnl"):
            journal.unlink()

    def ask(self, name: str, kind: str = "SRV", *, timeout: float = 1.0, port: int | None = None) -> bytes:
        """One plain UDP question, without EDNS; the raw answer, of at most 512 bytes (RFC 1035).

        Raises TimeoutError without an answer after `timeout` seconds, OSError where the port is closed.
        """
        labels = b"".join(bytes([len(part)]) + part.encode() for part in name.rstrip(".").split("."))
        query = struct.pack(">6H", 0x4D43, 0x0100, 1, 0, 0, 0) + labels + b"\0"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(timeout)
            sock.connect((self.host, port or self.port))  # only a connected socket learns of a closed port
            sock.send(query + struct.pack(">HH", type_of[kind], 1))
            return sock.recv(4096)

    def rcode(self, name: str, kind: str = "SRV", *, port: int | None = None) -> int:
        """The response code of ask(): 0 NOERROR, 2 SERVFAIL, 3 NXDOMAIN, 5 REFUSED."""
        return self.ask(name, kind, port=port)[3] & 15

    def update(self, *lines: str) -> None:
        """Send one RFC 2136 update; all its lines apply together.

        A line is `add NAME TTL TYPE DATA` or `delete NAME [TYPE [DATA]]`; names without a final dot are
        below the zone. Raises ServerError where the server refuses.
        """
        import dns.exception
        import dns.query
        import dns.rcode
        import dns.update

        message = dns.update.UpdateMessage(self.origin)
        for line in lines:
            verb, name, *rest = line.split()
            if verb == "add":
                ttl, kind, *data = rest
                message.add(name, int(ttl), kind, " ".join(data))
            else:
                message.delete(name, *rest[:1], *([" ".join(rest[1:])] if rest[1:] else []))
        try:
            answer = dns.query.tcp(message, self.host, timeout=5, port=self.port)
        except (dns.exception.DNSException, OSError) as error:
            raise ServerError(f"update of {self.origin}: {error!r}") from error
        if answer.rcode() != _NOERROR:
            raise ServerError(f"update of {self.origin}: {dns.rcode.to_text(answer.rcode())}")

    def set_srv(self, service: str, rows: Sequence[tuple[int, int, int, str]], *, ttl: int | None = None) -> None:
        """Replace all SRV records of `_<service>._tcp` by (priority, weight, port, target) rows."""
        name = f"_{service}._tcp"
        seconds = self.ttl if ttl is None else ttl
        added = [f"add {name} {seconds} SRV {' '.join(map(str, row))}" for row in rows]
        self.update(f"delete {name} SRV", *added)


def main() -> None:
    """Run the name server in the foreground until Ctrl-C."""
    parser = argparse.ArgumentParser(description="A real name server on loopback, until Ctrl-C")
    parser.add_argument("--program", choices=("knot", "bind"))
    parser.add_argument("--ttl", type=int, default=2, help="seconds")
    arguments = parser.parse_args()
    serve_by_hand(DnsServer(program=arguments.program, ttl=arguments.ttl))


if __name__ == "__main__":
    try:
        main()
    except ServerError as error:
        raise SystemExit(str(error)) from None
