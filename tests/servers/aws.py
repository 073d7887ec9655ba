"""AWS as far as it can be had on loopback: moto's server, with the corrections and controls of aws_overlay.

An emulation, and named as one at the end of a run. All state is in memory: restart() loses it.
By hand: `PYTHONPATH=tests python -m servers.aws`.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib import metadata, util
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from servers.errors import ServerError
from servers.ports import free_port
from servers.process import Process, spawn
from servers.rest import call, expect
from servers.server import DEFAULT_LIFE, Server, serve_by_hand

if TYPE_CHECKING:
    from collections.abc import Mapping

_TESTS = Path(__file__).resolve().parents[1]


def locate() -> str | None:
    """The interpreter that has moto: this one, or None."""
    try:
        metadata.version("moto")
    except metadata.PackageNotFoundError:
        return None
    return sys.executable if util.find_spec("flask") else None


def install() -> str:
    """The interpreter that has moto, which comes with this project's development dependencies.

    Raises ServerError where it is missing.
    """
    found = locate()
    if found is None:
        raise ServerError("moto[server] is not installed: run `make test` or `make servers`")
    return found


def program_version(path: str) -> str:
    """moto's version in this interpreter (`path`)."""
    return metadata.version("moto") if path == sys.executable else "of unknown version"


class Aws(Server):
    """Cloud Map, Route 53, DynamoDB and its streams, ECS and more, emulated by moto on one loopback port.

    boto3 takes `endpoint_url=url`, any keys, and Config(inject_host_prefix=False): without it, DiscoverInstances
    would go to a host called data-127.0.0.1.
    """

    kind: ClassVar[str] = "aws"

    def __init__(self, *, life: float = DEFAULT_LIFE) -> None:
        """Prepare the server."""
        super().__init__(life=life)
        self.port = 0
        self._clients: dict[tuple[str, str], Any] = {}

    @property
    def product(self) -> str:
        """What a reader of the census should know."""
        return "aws (moto, corrected)"

    @property
    def version(self) -> str:
        """moto's version."""
        return program_version(locate() or "")

    def missing(self) -> str | None:
        """How to get moto where it is not here."""
        return None if locate() else "no moto: install the development dependencies with `make test`"

    def describe(self) -> Mapping[str, object]:
        """The address."""
        return {"endpoint_url": self.url}

    @property
    def url(self) -> str:
        """What boto3 calls endpoint_url."""
        return f"http://127.0.0.1:{self.port}"

    def _choose_ports(self) -> None:
        self.port = free_port()

    def _launch(self, node: int) -> Process:
        command = [locate() or sys.executable, "-m", "servers.aws_overlay", "--port", str(self.port)]
        settings = [f"PYTHONPATH={_TESTS}", "PYTHONDONTWRITEBYTECODE=1"]
        return spawn(["env", *settings, *command], self.log(node), self.life)

    def _ready(self, node: int) -> bool:
        return node == 0 and call("GET", f"{self.url}/meshclient/ready", timeout=2).status == 200

    def control(self, what: str, method: str = "POST", **body: object) -> Any:
        """The decoded answer to one of the controls that aws_overlay lists. Raises ServerError for a refusal."""
        return expect(call(method, f"{self.url}/meshclient/{what}", body), what).json

    def reset(self) -> None:
        """Forget all of AWS's state, all throttles and delays."""
        expect(call("POST", f"{self.url}/moto-api/reset"), "reset")
        self.calm()

    def calm(self) -> None:
        """Lift all throttles and delays."""
        self.throttle()
        self.delay(0)

    def throttle(self, target: str = "", *, rate: float = 0.0, burst: float = 0.0, code: str = "") -> None:
        """Let `rate` calls a second and `burst` at once pass of an operation, a service or `*`; none lifts all."""
        if target:
            self.control("throttle", target=target, rate=rate, burst=burst, code=code)
        else:
            self.control("throttle")

    def calls(self, *, clear: bool = False) -> dict[str, int]:
        """How often each operation was called, refused calls included; `clear` counts from zero again."""
        found: dict[str, int] = self.control("calls", "DELETE" if clear else "GET")
        return found

    def delay(self, seconds: float) -> None:
        """Let what is written to Cloud Map show, and its operations succeed, only after so many seconds."""
        self.control("cloudmap", delay=seconds)

    def fill(self, service_id: str, count: int) -> None:
        """Let a Cloud Map service have `count` instances, `i-0` and up, in place of all others."""
        self.control("cloudmap/fill", service=service_id, count=count)

    def roll(self, table: str) -> None:
        """Close the open shard of a table's stream and open a child of it."""
        self.control("streams/roll", table=table)

    def trim(self, table: str, keep: int = 0) -> None:
        """Lose all but the last `keep` records of a table's stream."""
        self.control("streams/trim", table=table, keep=keep)

    def expire_iterators(self) -> None:
        """Let every shard iterator handed out so far expire."""
        self.control("streams/expire")

    def sweep_ttl(self) -> int:
        """Delete the items that TTL has expired; how many there were."""
        return int(self.control("ttl")["deleted"])

    def zone(self, name: str) -> str:
        """What Route 53 and Cloud Map publish under `name`, as the text of a zone for `DnsServer(zone=...)`."""
        return expect(call("GET", f"{self.url}/meshclient/zone?name={name}"), name).text

    def client(self, service: str) -> Any:
        """A boto3 client of this server, for tests to fill it with; made once, which takes longer than its calls."""
        key = service, self.url
        if key not in self._clients:
            self._clients[key] = self._make(service)
        return self._clients[key]

    def _make(self, service: str) -> Any:
        boto3, config = _boto()
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
            config=config.Config(inject_host_prefix=False, retries={"total_max_attempts": 1}, max_pool_connections=20),
        )


def _boto() -> tuple[Any, Any]:
    from importlib import import_module

    return import_module("boto3"), import_module("botocore.config")


def main() -> None:
    """Run it in the foreground until Ctrl-C."""
    argparse.ArgumentParser(description="AWS (moto, corrected) on loopback, until Ctrl-C").parse_args()
    os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
    serve_by_hand(Aws())


if __name__ == "__main__":
    try:
        main()
    except ServerError as error:
        raise SystemExit(str(error)) from None
