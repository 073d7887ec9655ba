"""A real Eureka server (Spring Cloud Netflix), one node or several that replicate to each other, on loopback.

No package holds a Eureka server: install() builds one from the Maven project in eureka_server/, which names its
dependencies by version, and keeps the jar in the cache. The server runs without the cache that holds back every change
for up to half a minute, and without self-preservation, so that a lease that ends is seen to end.
By hand: `PYTHONPATH=tests python -m servers.eureka [--nodes 2]`.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

from servers.errors import NotInstalledError, ServerError
from servers.packages import cache_root, find_program, first_line
from servers.ports import free_port
from servers.process import Process, spawn
from servers.rest import Reply, call, expect
from servers.server import DEFAULT_LIFE, Server, serve_by_hand

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_PROJECT = Path(__file__).resolve().parent / "eureka_server"
_JAR = "eureka-server.jar"
_JAVA = 17  # Spring Boot 3 needs it
_BUILD_TIMEOUT = 600.0
_JSON: Mapping[str, str] = {"Accept": "application/json", "Content-Type": "application/json"}
# A JVM that compiles little and collects with one thread is the quickest to start and the lightest beside its like.
_JVM = ("-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")


def jar() -> Path:
    """Where the built server lies, beside its libraries; another place for another project."""
    digest = hashlib.sha256()
    for path in sorted(path for path in _PROJECT.rglob("*") if path.is_file() and "target" not in path.parts):
        digest.update(f"{path.relative_to(_PROJECT)}\0".encode() + path.read_bytes())
    return cache_root() / f"eureka-server-{digest.hexdigest()[:12]}" / _JAR


def install() -> Path:
    """The server's jar, built with Maven into the cache first where there is none (no root needed).

    Raises NotInstalledError where there is no JDK or no Maven, or where Maven cannot build it.
    """
    if reason := _no_java():
        raise NotInstalledError(reason)
    if not jar().exists():
        _build()
    if not _classes().exists():
        _share_classes()
    return jar()


def _build() -> None:
    if find_program("mvn") is None or find_program("javac") is None:
        raise NotInstalledError("building Eureka needs a JDK and Maven: apt-get install openjdk-17-jdk-headless maven")
    cache_root().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache_root()) as name:
        work = Path(name) / "project"
        shutil.copytree(_PROJECT, work, ignore=shutil.ignore_patterns("target"))
        _run(["mvn", "-B", "-q", "-DskipTests", "package"], work)
        _run(["java", "-Djarmode=tools", "-jar", f"target/{_JAR}", "extract", "--destination", "app"], work)
        shutil.rmtree(jar().parent, ignore_errors=True)
        (work / "app").replace(jar().parent)


def _classes() -> Path:
    """The archive of loaded classes (JEP 350), which halves what a start costs; a JVM it does not fit ignores it."""
    return jar().with_name("classes.jsa")


def _share_classes() -> None:
    """Write the archive by a start that ends when everything is loaded."""
    draft = _classes().with_suffix(f".{os.getpid()}")
    settings = ["--server.address=127.0.0.1", "--server.port=0", "--eureka.client.fetch-registry=false"]
    archive = [f"-XX:ArchiveClassesAtExit={draft}", "-Dspring.context.exit=onRefresh"]
    _run(["java", *_JVM, *archive, "-jar", str(jar()), *settings], jar().parent)
    draft.replace(_classes())


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_BUILD_TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        raise NotInstalledError(f"{command[0]} for Eureka: no end after {_BUILD_TIMEOUT:g} s") from None
    if done.returncode:
        said = (done.stdout.strip() or done.stderr.strip())[-1000:]
        raise NotInstalledError(f"{command[0]} for Eureka failed: {said}")


def _no_java() -> str | None:
    java = find_program("java")
    if java is None:
        return "no java, which Eureka needs: apt-get install openjdk-17-jre-headless"
    said = first_line([java, "-version"])
    found = re.search(r'version "(\d+)', said)
    if found is None or int(found[1]) < _JAVA:
        return f"Eureka needs Java {_JAVA} or newer, and {java} says {said!r}"
    return None


def program_version(path: str) -> str:
    """`2.0.4`, the version of Netflix's eureka-core beside the jar."""
    found = [re.fullmatch(r"eureka-core-(\d.*)\.jar", library.name) for library in Path(path).parent.glob("lib/*")]
    return next((match[1] for match in found if match), "of unknown version")


class Eureka(Server):
    """A Eureka server at 127.0.0.1, or several at 127.0.0.21 and up that replicate registrations to each other.

    The registry is in memory: a restarted node has lost it and does not ask the others for theirs.
    """

    kind: ClassVar[str] = "eureka"
    ready_timeout: ClassVar[float] = 90.0

    def __init__(
        self, *, nodes: int = 1, config: Mapping[str, object] | None = None, life: float = DEFAULT_LIFE
    ) -> None:
        """Prepare a server; `config` holds further properties, such as `eureka.server.disable-delta`."""
        super().__init__(nodes=nodes, life=life)
        self.port = 0
        self._config = dict(config or {})

    @property
    def version(self) -> str:
        """The version of Netflix's server."""
        return program_version(str(jar()))

    def missing(self) -> str | None:
        """How to get Eureka where it is not here."""
        if reason := _no_java():
            return reason
        return None if jar().exists() else "no Eureka server: run `python tests/servers/install.py`"

    def describe(self) -> Mapping[str, object]:
        """The base URL of every node."""
        return {"http": [self.node_url(node) for node in range(self.node_count)]}

    def host(self, node: int = 0) -> str:
        """The address a node listens on."""
        return "127.0.0.1" if self.node_count == 1 else f"127.0.0.{21 + node}"

    def node_url(self, node: int = 0) -> str:
        """The URL under which a node's registry lies."""
        return f"http://{self.host(node)}:{self.port}/eureka"

    @property
    def authority(self) -> str:
        """Host and port of the first node."""
        return f"{self.host()}:{self.port}"

    def _choose_ports(self) -> None:
        self.port = free_port("0.0.0.0")

    def _properties(self, node: int) -> dict[str, object]:
        return {
            "server.address": self.host(node),
            "server.port": self.port,
            "spring.main.lazy-initialization": "true",
            "spring.main.banner-mode": "off",
            "logging.level.root": "WARN",
            # A node is no peer of itself when its URL has the instance's host name.
            "eureka.instance.hostname": self.host(node),
            "eureka.client.service-url.defaultZone": ",".join(f"{self.node_url(n)}/" for n in range(self.node_count)),
            "eureka.client.register-with-eureka": "false",
            "eureka.client.fetch-registry": "false",
            "eureka.server.enable-self-preservation": "false",
            "eureka.server.use-read-only-response-cache": "false",
            # An answer that is being made while the registry changes is cached as it was; for no longer than this.
            "eureka.server.response-cache-auto-expiration-in-seconds": 1,
            "eureka.server.eviction-interval-timer-in-ms": 200,
            "eureka.server.retention-time-in-m-s-in-delta-queue": 30_000,
            "eureka.server.delta-retention-timer-interval-in-ms": 1000,
            "eureka.server.wait-time-in-ms-when-sync-empty": 0,
        } | self._config

    def _launch(self, node: int) -> Process:
        java = find_program("java") or "java"
        settings = [f"--{name}={value}" for name, value in self._properties(node).items()]
        shared = f"-XX:SharedArchiveFile={_classes()}"
        return spawn([java, *_JVM, shared, "-jar", jar(), *settings], self.log(node), self.life)

    def _ready(self, node: int) -> bool:
        reply = call("GET", f"{self.node_url(node)}/apps", headers=_JSON, timeout=2)
        return reply.status == 200 and "applications" in reply.json

    def request(self, method: str, path: str, body: object = None, *, node: int = 0) -> Reply:
        """One request below a node's `/eureka`."""
        return call(method, self.node_url(node) + path, body, headers=_JSON)

    def register(
        self,
        app: str,
        port: int = 8080,
        /,
        *,
        instance: str | None = None,
        host: str = "127.0.0.1",
        status: str = "UP",
        metadata: Mapping[str, str] | None = None,
        lease: int = 90,
        node: int = 0,
        **fields: object,
    ) -> str:
        """Register one instance, as Spring's client does; returns its id. `fields` replace what it sends."""
        name = instance or f"{app}-{host}-{port}"
        info: dict[str, object] = {
            "instanceId": name,
            "app": app.upper(),
            "hostName": host,
            "ipAddr": host,
            "vipAddress": app,
            "secureVipAddress": app,
            "status": status,
            "port": {"$": port, "@enabled": "true"},
            "securePort": {"$": 443, "@enabled": "false"},
            "dataCenterInfo": {
                "@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo",
                "name": "MyOwn",
            },
            "leaseInfo": {"renewalIntervalInSecs": max(1, lease // 3), "durationInSecs": lease},
            "metadata": dict(metadata or {}),
        } | fields
        expect(self.request("POST", f"/apps/{app.upper()}", {"instance": info}, node=node), f"register {name}", 204)
        return name

    def register_many(self, app: str, count: int, *, first: int = 0) -> list[str]:
        """Register instances at 127.1.x.y:8000, `<app>-<first>` and up, with the first node."""
        with ThreadPoolExecutor(4) as pool:
            numbers = range(first, first + count)
            return list(pool.map(lambda n: self.register(app, 8000, instance=f"{app}-{n}", host=_address(n)), numbers))

    def cancel(self, app: str, instance: str, *, node: int = 0) -> None:
        """Take an instance out."""
        expect(self.request("DELETE", _path(app, instance), node=node), f"cancel {instance}")

    def cancel_many(self, app: str, instances: Iterable[str]) -> None:
        """Take instances out, with the first node."""
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda instance: self.cancel(app, instance), instances))

    def override(self, app: str, instance: str, status: str | None) -> None:
        """Override an instance's status as an operator does; None takes the override back."""
        path = f"{_path(app, instance)}/status?value={status or 'UP'}"
        expect(self.request("PUT" if status else "DELETE", path), f"override {instance}")

    def instances(self, app: str, *, node: int = 0) -> list[str]:
        """The ids that a node lists for an application."""
        reply = self.request("GET", f"/apps/{app.upper()}", node=node)
        if reply.status == 404:
            return []
        return [instance["instanceId"] for instance in expect(reply, app).json["application"]["instance"]]

    def hash_code(self) -> str:
        """The hash code over all statuses in the first node's registry."""
        return str(self.request("GET", "/apps").json["applications"]["apps__hashcode"])


def _path(app: str, instance: str) -> str:
    return f"/apps/{app.upper()}/{quote(instance, safe='')}"


def _address(number: int) -> str:
    return f"127.1.{number // 250}.{number % 250 + 1}"


def main() -> None:
    """Run Eureka in the foreground until Ctrl-C."""
    parser = argparse.ArgumentParser(description="A real Eureka on loopback, until Ctrl-C")
    parser.add_argument("--nodes", type=int, default=1, choices=(1, 2, 3))
    serve_by_hand(Eureka(nodes=parser.parse_args().nodes))


if __name__ == "__main__":
    try:
        main()
    except ServerError as error:
        raise SystemExit(str(error)) from None
