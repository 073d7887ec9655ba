"""A real Consul: one dev agent, an agent with access rules or TLS, or a cluster of three servers.

Consul 1.8.7 is the last version under the Mozilla licence that Debian packages, and its health endpoint
behaves as that of today's versions in everything the resolver relies on.
By hand: `PYTHONPATH=tests python -m servers.consul [--nodes 3] [--acl]`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import ssl
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from servers.errors import ServerError
from servers.packages import find_program, first_line, unpack, unpacked
from servers.ports import free_port
from servers.process import Process, spawn, wait_until
from servers.rest import Reply, call, expect
from servers.server import DEFAULT_LIFE, Server, serve_by_hand

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_SUITE = "bullseye"  # Debian's newer suites have no consul in main
_BINARY = "usr/bin/consul"
_PORTS = ("http", "dns", "grpc", "server", "serf_lan", "https")
_TXN_LIMIT = 63  # a transaction holds 64 operations, and one of ours makes the node
_OUTSIDE = "outside"
_RULES = {
    "read": 'service_prefix "" { policy = "read" } node_prefix "" { policy = "read" }',
    "web": 'service_prefix "web" { policy = "write" } node_prefix "" { policy = "read" }',
    "agent": 'agent_prefix "" { policy = "write" } node_prefix "" { policy = "write" } '
    'service_prefix "" { policy = "read" }',
}


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files for a server: its authority's certificate, its own certificate and key."""

    authority: Path
    certificate: Path
    key: Path


def locate() -> str | None:
    """The consul program: `MESHCLIENT_CONSUL_BIN`, the one on PATH, the one in the cache, or None."""
    known = os.environ.get("MESHCLIENT_CONSUL_BIN") or find_program("consul")
    if known:
        return known
    cached = unpacked("consul", _SUITE, _BINARY)
    return str(cached) if cached.exists() else None


def install() -> str:
    """The consul program's path, unpacked into the cache first where there is none (no root needed)."""
    return locate() or str(unpack("consul", _SUITE, _BINARY))


@cache
def program_version(program: str) -> str:
    """`1.8.7`, as the program says itself."""
    found = re.search(r"\d+(\.\d+)+", first_line([program, "version"]))
    return found[0] if found else "of unknown version"


class Consul(Server):
    """A Consul agent, or a cluster of Consul servers at 127.0.0.11 and up, on loopback.

    `acl` turns access rules on with default deny: `tokens` then holds `management`, `read` (every
    service), `web` (writes services whose name starts with `web`) and `agent`. `tls` opens an HTTPS port
    beside the plain one. A single agent keeps everything in memory: restart() loses its services and its
    index starts again near 1; a cluster keeps its data on disk.
    """

    kind: ClassVar[str] = "consul"

    def __init__(
        self,
        *,
        nodes: int = 1,
        acl: bool = False,
        tls: TlsFiles | None = None,
        config: Mapping[str, object] | None = None,
        life: float = DEFAULT_LIFE,
    ) -> None:
        """Prepare an agent or cluster; `config` holds further settings of the agent's own configuration."""
        super().__init__(nodes=nodes, life=life)
        self.acl = acl
        self.tls = tls
        self.ports: dict[str, int] = {}
        self.tokens: dict[str, str] = {}
        self._config = dict(config or {})

    @property
    def version(self) -> str:
        """The version of the program."""
        return program_version(locate() or "consul")

    def missing(self) -> str | None:
        """How to get Consul where it is not here."""
        return None if locate() else "no consul: run `python tests/servers/install.py`"

    def describe(self) -> Mapping[str, object]:
        """The addresses of every node, and the tokens."""
        nodes = range(self.node_count)
        return {
            "http": [self.node_url(node) for node in nodes],
            "dns": [f"{self.host(node)}:{self.ports['dns']}" for node in nodes],
            "tokens": self.tokens,
        }

    def host(self, node: int = 0) -> str:
        """The address a node listens on."""
        return "127.0.0.1" if self.node_count == 1 else f"127.0.0.{11 + node}"

    def node_url(self, node: int = 0) -> str:
        """The URL of a node's HTTP interface."""
        return f"http://{self.host(node)}:{self.ports['http']}"

    @property
    def port(self) -> int:
        """The HTTP port, the same on every node."""
        return self.ports["http"]

    @property
    def url(self) -> str:
        """The URL of the first node's HTTP interface."""
        return self.node_url()

    @property
    def https_url(self) -> str:
        """The URL of the first node's HTTPS interface (with `tls`)."""
        return f"https://{self.host()}:{self.ports['https']}"

    def _choose_ports(self) -> None:
        first = free_port("0.0.0.0", span=len(_PORTS), udp=True)  # every node has the same ports
        self.ports = dict(zip(_PORTS, range(first, first + len(_PORTS)), strict=True))

    def _settings(self, node: int) -> dict[str, object]:
        ports = {**self.ports, "serf_wan": -1} | ({} if self.tls else {"https": -1})
        settings: dict[str, object] = {
            "node_name": f"n{node + 1}",
            "datacenter": "dc1",
            "server": True,
            "ports": ports,
            "bind_addr": self.host(node),
            "client_addr": self.host(node),
            "log_level": "WARN",
            "disable_update_check": True,
            "leave_on_terminate": False,
            "performance": {"raft_multiplier": 1},
            "connect": {"enabled": False},
        }
        if self.node_count > 1:
            others = [f"{self.host(n)}:{self.ports['serf_lan']}" for n in range(self.node_count) if n != node]
            settings["data_dir"] = str(self.dir / f"data{node}")
            settings["bootstrap_expect"] = self.node_count
            settings["retry_join"] = others
            settings["retry_interval"] = "200ms"
        if self.acl:
            tokens = {"tokens": {"agent": self.tokens["agent"]}} if "agent" in self.tokens else {}
            settings["acl"] = {"enabled": True, "default_policy": "deny", **tokens}
        if self.tls:
            settings["ca_file"] = str(self.tls.authority)
            settings["cert_file"] = str(self.tls.certificate)
            settings["key_file"] = str(self.tls.key)
        return settings | self._config

    def _launch(self, node: int) -> Process:
        path = self.dir / f"node{node}.json"
        path.write_text(json.dumps(self._settings(node), indent=1))
        in_memory = ["-dev"] if self.node_count == 1 else []
        return spawn([locate() or "consul", "agent", *in_memory, f"-config-file={path}"], self.log(node), self.life)

    def _ready(self, node: int) -> bool:
        leader = call("GET", f"{self.node_url(node)}/v1/status/leader", timeout=2)
        if leader.status != 200 or not leader.json:
            return False
        # A node that knows the leader may still be unable to read the catalogue.
        nodes = self.request("GET", "/v1/catalog/nodes", node=node, timeout=2)
        return nodes.status == 200 and (bool(nodes.json) or self.acl)

    def _started(self) -> None:
        if self.acl and not self.tokens:
            self._bootstrap_acl()

    def _bootstrap_acl(self) -> None:
        made = wait_until(
            lambda: expect(call("PUT", f"{self.url}/v1/acl/bootstrap"), "ACL bootstrap"), 20, "ACL bootstrap"
        )
        self.tokens["management"] = made.json["SecretID"]
        for name, rules in _RULES.items():
            policy = f"meshclient-{name}"
            self.call("PUT", "/v1/acl/policy", {"Name": policy, "Rules": rules})
            self.tokens[name] = self.call("PUT", "/v1/acl/token", {"Policies": [{"Name": policy}]})["SecretID"]
        for node in range(self.node_count):
            self.call("PUT", "/v1/agent/token/agent", {"Token": self.tokens["agent"]}, node=node)

    def restart(self, node: int = 0, *, wipe: bool = False, wait: bool = True) -> None:
        """As Server.restart; a single agent comes back empty, with access rules and with new tokens."""
        if self.acl and self.node_count == 1:
            self.tokens = {}
        super().restart(node, wipe=wipe, wait=wait)
        if wait:
            self._started()

    def _wipe(self, node: int) -> None:
        shutil.rmtree(self.dir / f"data{node}", ignore_errors=True)

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        node: int = 0,
        token: str | None = None,
        timeout: float = 10.0,
    ) -> Reply:
        """One request to a node, as management unless a token is given."""
        secret = token or self.tokens.get("management")
        headers = {"X-Consul-Token": secret} if secret else {}
        return call(method, self.node_url(node) + path, body, headers=headers, timeout=timeout)

    def call(self, method: str, path: str, body: object = None, *, node: int = 0) -> Any:
        """The decoded answer of a node; ServerError unless its status is 200."""
        reply = expect(self.request(method, path, body, node=node), f"{method} {path}")
        return reply.json if reply.raw.strip() else None

    def register(
        self,
        service: str,
        port: int,
        *,
        address: str = "127.0.0.1",
        instance: str | None = None,
        tags: Sequence[str] = (),
        meta: Mapping[str, str] | None = None,
        weight: int | None = None,
        check: Mapping[str, object] | None = None,
        node: int = 0,
    ) -> str:
        """Register one instance with a node's agent, as an application does; returns its id.

        `check` is Consul's own check definition, such as `{"TTL": "10s", "Status": "passing"}`.
        """
        name = instance or f"{service}-{port}"
        body: dict[str, object] = {"ID": name, "Name": service, "Address": address, "Port": port}
        body |= {"Tags": list(tags), "Meta": dict(meta or {})}
        if weight is not None:
            body["Weights"] = {"Passing": weight, "Warning": 1}
        if check is not None:
            body["Check"] = dict(check)
        self.call("PUT", "/v1/agent/service/register", body, node=node)
        return name

    def deregister(self, instance: str, *, node: int = 0) -> None:
        """Take away an instance that register() made with the same node."""
        self.call("PUT", f"/v1/agent/service/deregister/{instance}", node=node)

    def register_many(self, service: str, count: int, *, first: int = 0, node: int = 0) -> None:
        """Register `count` instances without checks, `<service>-<first>` and up, on a node without an agent.

        Not on an agent's own node: its anti-entropy would take away, seconds later, whatever did not
        come in through its own /v1/agent endpoints.
        """
        outside = {"Node": _OUTSIDE, "ID": "0e0e0e0e-0000-4000-8000-000000000001", "Address": "127.0.0.1"}
        for start in range(first, first + count, _TXN_LIMIT):
            operations: list[object] = [{"Node": {"Verb": "set", "Node": outside}}]
            for index in range(start, min(start + _TXN_LIMIT, first + count)):
                instance = {
                    "ID": f"{service}-{index}",
                    "Service": service,
                    "Address": f"127.1.{index // 250}.{index % 250 + 1}",
                    "Port": 8000,
                    "Meta": {"index": str(index)},
                }
                operations.append({"Service": {"Verb": "set", "Node": _OUTSIDE, "Service": instance}})
            self.call("PUT", "/v1/txn", operations, node=node)

    def deregister_outside(self, instance: str, *, node: int = 0) -> None:
        """Take away one instance that register_many() made."""
        self.call("PUT", "/v1/catalog/deregister", {"Node": _OUTSIDE, "ServiceID": instance}, node=node)

    def index(self, service: str, *, node: int = 0) -> int:
        """The current index of a service's health list."""
        reply = expect(self.request("GET", f"/v1/health/service/{service}", node=node), service)
        return int(reply.headers["X-Consul-Index"])

    def leader(self) -> int | None:
        """The number of the leading node, or None where nobody leads or answers."""
        for node in range(self.node_count):
            try:
                body = call("GET", f"{self.node_url(node)}/v1/status/leader", timeout=2).json
            except (OSError, ValueError):
                continue
            for other in range(self.node_count):
                if body == f"{self.host(other)}:{self.ports['server']}":
                    return other
        return None

    def wait_leader(self, timeout: float = 90.0) -> int:
        """Wait until a living node leads and the others agree; its number."""

        def agreed() -> list[int]:
            leader = self.leader()
            if leader is None or not self.alive(leader):
                return []
            return [leader] if self._ready(leader) else []

        return wait_until(agreed, timeout, "a leader")[0]


def trust(files: TlsFiles) -> ssl.SSLContext:
    """A client's context that trusts the authority of `files` alone."""
    return ssl.create_default_context(cafile=str(files.authority))


def main() -> None:
    """Run Consul in the foreground until Ctrl-C."""
    parser = argparse.ArgumentParser(description="A real Consul on loopback, until Ctrl-C")
    parser.add_argument("--nodes", type=int, default=1, choices=(1, 3, 5))
    parser.add_argument("--acl", action="store_true", help="access rules on, default deny")
    arguments = parser.parse_args()
    serve_by_hand(Consul(nodes=arguments.nodes, acl=arguments.acl))


if __name__ == "__main__":
    try:
        main()
    except ServerError as error:
        raise SystemExit(str(error)) from None
