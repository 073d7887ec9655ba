"""A real etcd: one member or a cluster of three, with users or TLS where a test needs them.

Version 3.5 is what Debian's trixie packages; 3.4, in bookworm, differs in its errors and so stands beside it. The JSON
gateway that the plugin speaks to answers on the client URL. By hand: `PYTHONPATH=tests python -m servers.etcd
[--nodes 3] [--auth] [--version 3.4]`.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import re
import shutil
import signal
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from servers.errors import ServerError
from servers.packages import find_program, first_line, unpack, unpacked
from servers.ports import free_port
from servers.process import Process, spawn, wait_until
from servers.rest import Reply, call, expect
from servers.server import DEFAULT_LIFE, Server, serve_by_hand

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEFAULT_VERSION = "3.5"
_SUITES = {"3.4": "bookworm", "3.5": "trixie"}
VERSIONS = tuple(_SUITES)
_PACKAGE = "etcd-server"
_BINARY = "usr/bin/etcd"
_TXN_LIMIT = 100  # operations in a transaction; etcd's own bound is 128
_PASSWORD = "pw"
_BCRYPT_COST = 4  # the least; a login then takes a millisecond and not a tenth of a second
_READS, _WRITES = "READ", "READWRITE"


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files for a member: the authority of its clients, its own certificate and key."""

    authority: Path
    certificate: Path
    key: Path


def locate(version: str = DEFAULT_VERSION) -> str | None:
    """The etcd program: `MESHCLIENT_ETCD_BIN`, the one in the cache, the one on PATH where it fits, or None."""
    given = os.environ.get("MESHCLIENT_ETCD_BIN")
    if given and version == DEFAULT_VERSION:
        return given
    cached = unpacked(_PACKAGE, _SUITES[version], _BINARY)
    if cached.exists():
        return str(cached)
    known = find_program("etcd")
    return known if known and program_version(known).startswith(f"{version}.") else None


def install(version: str = DEFAULT_VERSION) -> Path:
    """The etcd program's path, unpacked into the cache first where there is none (no root needed)."""
    known = locate(version)
    return Path(known) if known else unpack(_PACKAGE, _SUITES[version], _BINARY)


@cache
def program_version(program: str | Path) -> str:
    """`3.5.16`, as the program says itself."""
    found = re.search(r"\d+(\.\d+)+", first_line([str(program), "--version"]))
    return found[0] if found else "of unknown version"


def encoded(text: str) -> str:
    """A key or value as the JSON gateway wants it."""
    return base64.b64encode(text.encode()).decode()


class Etcd(Server):
    """An etcd member on 127.0.0.1, or a cluster at 127.0.0.21 and up.

    `auth` makes the users `root`, `reader` (reads keys below ``svc/``) and `writer` (writes them), their password
    `pw`. `tls` opens an HTTPS port beside the plain one; `ask_client` has it ask clients for a certificate. Data is on
    disk: restart() keeps it, restart(wipe=True) does not, and then revisions start again at 1.
    """

    kind: ClassVar[str] = "etcd"

    def __init__(
        self,
        *,
        nodes: int = 1,
        version: str = DEFAULT_VERSION,
        auth: bool = False,
        tls: TlsFiles | None = None,
        ask_client: bool = False,
        arguments: Sequence[str] = (),
        life: float = DEFAULT_LIFE,
    ) -> None:
        """Prepare a member or cluster; `arguments` are further ones of etcd's command line."""
        super().__init__(nodes=nodes, life=life)
        self.series = version
        self.auth = auth
        self.tls = tls
        self.port = self.tls_port = self._peer_port = 0
        self._ask_client = ask_client
        self._arguments = tuple(arguments)

    @property
    def version(self) -> str:
        """The version of the program."""
        return program_version(locate(self.series) or "etcd")

    def missing(self) -> str | None:
        """How to get etcd where it is not here."""
        return None if locate(self.series) else f"no etcd {self.series}: run `python tests/servers/install.py`"

    def describe(self) -> Mapping[str, object]:
        """The addresses of every member, and the users."""
        users = dict.fromkeys(("root", "reader", "writer"), _PASSWORD) if self.auth else {}
        return {"http": [self.node_url(node) for node in range(self.node_count)], "users": users}

    def host(self, node: int = 0) -> str:
        """The address a member listens on."""
        return "127.0.0.1" if self.node_count == 1 else f"127.0.0.{21 + node}"

    def node_url(self, node: int = 0) -> str:
        """The URL of a member's client port."""
        return f"http://{self.host(node)}:{self.port}"

    @property
    def url(self) -> str:
        """The URL of the first member."""
        return self.node_url()

    def _choose_ports(self) -> None:
        self.port = free_port("0.0.0.0", span=3)  # every member has the same ports
        self.tls_port, self._peer_port = self.port + 1, self.port + 2

    def _peer_url(self, node: int) -> str:
        return f"http://{self.host(node)}:{self._peer_port}"

    def _launch(self, node: int) -> Process:
        peers = ",".join(f"n{n}={self._peer_url(n)}" for n in range(self.node_count))
        urls = [self.node_url(node)]
        arguments = [
            *("--name", f"n{node}", "--data-dir", self.dir / f"data{node}"),
            *("--listen-peer-urls", self._peer_url(node), "--initial-advertise-peer-urls", self._peer_url(node)),
            *("--initial-cluster", peers, "--initial-cluster-state", "new"),
            *("--logger", "zap", "--log-level", "warn", "--unsafe-no-fsync", "--bcrypt-cost", _BCRYPT_COST),
        ]
        # Alone, a member need not wait for others to stand for election, and its leases may be as short as a second.
        heartbeat, election = ("20", "100") if self.node_count == 1 else ("50", "500")
        arguments += ["--heartbeat-interval", heartbeat, "--election-timeout", election]
        if self.tls:
            urls.append(f"https://{self.host(node)}:{self.tls_port}")
            arguments += ["--cert-file", self.tls.certificate, "--key-file", self.tls.key]
            if self._ask_client:
                arguments += ["--client-cert-auth", "--trusted-ca-file", self.tls.authority]
        arguments += ["--listen-client-urls", ",".join(urls), "--advertise-client-urls", ",".join(urls)]
        command = [locate(self.series) or "etcd", *map(str, arguments), *self._arguments]
        return spawn(command, self.log(node), self.life)

    def _ready(self, node: int) -> bool:
        reply = call("GET", f"{self.node_url(node)}/health", timeout=2)
        return reply.status == 200 and str(reply.json.get("health")) == "true"

    def _started(self) -> None:
        if self.auth and not self._has_users():
            self._make_users()

    def _has_users(self) -> bool:
        return self.request("/v3/auth/authenticate", {"name": "root", "password": _PASSWORD}, token="").status == 200

    def _make_users(self) -> None:
        for name in ("root", "reader", "writer"):
            self.call("/v3/auth/user/add", {"name": name, "password": _PASSWORD}, token="")
            self.call("/v3/auth/role/add", {"name": name}, token="")
            self.call("/v3/auth/user/grant", {"user": name, "role": name}, token="")
        for role, kind in (("reader", _READS), ("writer", _WRITES)):
            permission = {"permType": kind, **self.below("svc/")}
            self.call("/v3/auth/role/grant", {"name": role, "perm": permission}, token="")
        self.call("/v3/auth/enable", {}, token="")

    def stop(self) -> None:
        """As Server.stop, at once: there is no data that would have to be saved, no leader to hand over to."""
        for process in self._processes.values():
            process.send(signal.SIGKILL)
        super().stop()

    def _wipe(self, node: int) -> None:
        shutil.rmtree(self.dir / f"data{node}", ignore_errors=True)

    def token(self, user: str = "root", password: str = _PASSWORD) -> str:
        """A fresh token of a user."""
        reply = self.call("/v3/auth/authenticate", {"name": user, "password": password}, token="")
        return str(reply["token"])

    def request(
        self, path: str, body: object, *, node: int = 0, token: str | None = None, timeout: float = 10.0
    ) -> Reply:
        """One POST to a member's gateway, as root where there are users and no token is given."""
        secret = self.token() if token is None and self.auth else token
        headers = {"Authorization": secret} if secret else {}
        return call("POST", self.node_url(node) + path, body, headers=headers, timeout=timeout)

    def call(self, path: str, body: object, *, node: int = 0, token: str | None = None, timeout: float = 10.0) -> Any:
        """The decoded answer of a member; ServerError unless its status is 200."""
        return expect(self.request(path, body, node=node, token=token, timeout=timeout), path).json

    def put(self, key: str, value: str, *, node: int = 0) -> int:
        """Write a key; the revision after it."""
        reply = self.call("/v3/kv/put", {"key": encoded(key), "value": encoded(value)}, node=node)
        return int(reply["header"]["revision"])

    def get(self, key: str) -> str:
        """The value of a key; KeyError where there is none."""
        (pair,) = self.call("/v3/kv/range", {"key": encoded(key)})["kvs"]
        return base64.b64decode(pair["value"]).decode()

    def delete(self, key: str, *, node: int = 0) -> None:
        """Remove a key; harmless where it is not there."""
        self.call("/v3/kv/deleterange", {"key": encoded(key)}, node=node)

    @staticmethod
    def below(prefix: str) -> dict[str, object]:
        """The part of a request that names the keys that begin with `prefix`, which ends with a slash."""
        return {"key": encoded(prefix), "range_end": encoded(prefix[:-1] + "0")}

    def keys(self, prefix: str, *, node: int = 0) -> list[str]:
        """The keys that begin with `prefix`, which ends with a slash."""
        found = self.call("/v3/kv/range", {**self.below(prefix), "keys_only": True}, node=node).get("kvs", [])
        return [base64.b64decode(pair["key"]).decode() for pair in found]

    def register(self, service: str, instance: str, port: int, *, prefix: str = "svc/", **more: object) -> str:
        """Write the record of an instance at 127.0.0.1 without a lease; returns its id."""
        self.put(f"{prefix}{service}/{instance}", json.dumps({"host": "127.0.0.1", "port": port, **more}))
        return instance

    def register_many(self, service: str, count: int, *, first: int = 0, prefix: str = "svc/", node: int = 0) -> None:
        """Write `count` records, `<service>-<first>` and up, a hundred to a transaction."""
        for start in range(first, first + count, _TXN_LIMIT):
            operations = []
            for index in range(start, min(start + _TXN_LIMIT, first + count)):
                record = json.dumps({"host": f"127.1.{index // 250}.{index % 250 + 1}", "port": 8000})
                put = {"key": encoded(f"{prefix}{service}/{service}-{index}"), "value": encoded(record)}
                operations.append({"request_put": put})
            self.call("/v3/kv/txn", {"success": operations}, node=node)

    def compact(self) -> int:
        """Forget every revision before the present one, which is returned."""
        revision = self.put("compacted", "")
        self.call("/v3/kv/compaction", {"revision": str(revision), "physical": True})
        return revision

    def leader(self) -> int | None:
        """The number of the leading member, or None where nobody leads or answers."""
        for node in range(self.node_count):
            try:
                reply = self.call("/v3/maintenance/status", {}, node=node, timeout=2)
            except (OSError, ValueError, ServerError):
                continue
            if reply.get("leader") == reply["header"]["member_id"] and self.alive(node):
                return node
        return None

    def wait_leader(self, timeout: float = 90.0) -> int:
        """Wait until a living member leads and answers; its number."""

        def leading() -> list[int]:
            leader = self.leader()
            return [leader] if leader is not None and self._ready(leader) else []

        return wait_until(leading, timeout, "a leader")[0]


def main() -> None:
    """Run etcd in the foreground until Ctrl-C."""
    parser = argparse.ArgumentParser(description="A real etcd on loopback, until Ctrl-C")
    parser.add_argument("--nodes", type=int, default=1, choices=(1, 3, 5))
    parser.add_argument("--version", choices=VERSIONS, default=DEFAULT_VERSION)
    parser.add_argument("--auth", action="store_true", help="users root, reader and writer, password pw")
    arguments = parser.parse_args()
    serve_by_hand(Etcd(nodes=arguments.nodes, version=arguments.version, auth=arguments.auth))


if __name__ == "__main__":
    try:
        main()
    except ServerError as error:
        raise SystemExit(str(error)) from None
