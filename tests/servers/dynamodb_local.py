"""DynamoDB Local, Amazon's own DynamoDB for development: its items, conditions and streams, on one loopback port.

install() has Maven fetch it and what it needs, by name and version, into the cache (50 MB, 10 s). Everything is in
memory: restart() loses all tables. It neither throttles nor checks credentials, and its streams do not roll.
By hand: `PYTHONPATH=tests python -m servers.dynamodb_local`.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from servers.errors import NotInstalledError, ServerError
from servers.packages import cache_root, find_program, first_line
from servers.ports import free_port
from servers.process import Process, spawn
from servers.rest import call
from servers.server import DEFAULT_LIFE, Server, serve_by_hand

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = "2.5.4"
_JAVA = 17
_MAIN = "com.amazonaws.services.dynamodbv2.local.main.ServerRunner"
_TIMEOUT = 600.0
_TRIES = 3
_BACKOFF = 2.0
# A JVM that compiles little and collects with one thread is the quickest to start and the lightest beside its like.
_JVM = ("-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")
_POM = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>dev.meshclient</groupId>
  <artifactId>dynamodb-local</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>com.amazonaws</groupId>
      <artifactId>DynamoDBLocal</artifactId>
      <version>{VERSION}</version>
    </dependency>
  </dependencies>
</project>
"""
# DynamoDB Local wants a signature that looks like one, and takes any.
_SIGNED = (
    "AWS4-HMAC-SHA256 Credential=testing/20200101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=00"
)


def folder() -> Path:
    """Where the jars lie."""
    return cache_root() / f"dynamodb-local-{VERSION}"


def install() -> Path:
    """The folder with the jars, fetched by Maven into the cache first where there is none (no root needed).

    Raises NotInstalledError where there is no Java or no Maven, or where Maven cannot fetch them.
    """
    target = folder()
    if target.exists():
        return target
    if reason := _no_java():
        raise NotInstalledError(reason)
    maven = find_program("mvn")
    if maven is None:
        raise NotInstalledError("fetching DynamoDB Local needs Maven: apt-get install maven")
    cache_root().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache_root()) as name:
        work = Path(name)
        (work / "pom.xml").write_text(_POM)
        _fetch(maven, work)
        (work / "jars").rename(target)
    return target


def _fetch(maven: str, work: Path) -> None:
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={work / 'jars'}"]
    said = ""
    for attempt in range(_TRIES):  # Maven goes on from what a broken download left behind
        time.sleep(_BACKOFF * attempt)
        try:
            done = subprocess.run(
                [maven, "-B", "-q", *goal], cwd=work, capture_output=True, text=True, timeout=_TIMEOUT, check=False
            )
        except subprocess.TimeoutExpired:
            raise NotInstalledError(f"mvn dependency:copy-dependencies: no end after {_TIMEOUT:g} s") from None
        if done.returncode == 0:
            return
        said = done.stdout.strip()[-1000:] or done.stderr.strip()[-1000:]
    raise NotInstalledError(f"Maven could not fetch DynamoDB Local: {said}")


def _no_java() -> str | None:
    java = find_program("java")
    if java is None:
        return "no java, which DynamoDB Local needs: apt-get install openjdk-17-jre-headless"
    said = first_line([java, "-version"])
    found = re.search(r'version "(\d+)', said)
    if found is None or int(found[1]) < _JAVA:
        return f"DynamoDB Local needs Java {_JAVA} or newer, and {java} says {said!r}"
    return None


def program_version(path: Path) -> str:
    """The version of DynamoDB Local among the jars at `path`."""
    found = [re.fullmatch(r"DynamoDBLocal-(.+)\.jar", jar.name) for jar in path.glob("DynamoDBLocal-*.jar")]
    return next((match[1] for match in found if match), "of unknown version")


class DynamoDbLocal(Server):
    """DynamoDB and its streams at `url`, for boto3 with `endpoint_url=url` and any keys of letters and digits."""

    kind: ClassVar[str] = "dynamodb-local"

    def __init__(self, *, life: float = DEFAULT_LIFE) -> None:
        """Prepare the server."""
        super().__init__(life=life)
        self.port = 0

    @property
    def version(self) -> str:
        """The version of the program."""
        return program_version(folder())

    def missing(self) -> str | None:
        """How to get DynamoDB Local where it is not here."""
        if reason := _no_java():
            return reason
        return None if folder().exists() else "no DynamoDB Local: run `python tests/servers/install.py`"

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
        jars = folder()
        command = [find_program("java") or "java", *_JVM, "-cp", f"{jars}/*", f"-Djava.library.path={jars}", _MAIN]
        settings = ["-inMemory", "-sharedDb", "-disableTelemetry", "-port", str(self.port)]
        return spawn([*command, *settings], self.log(node), self.life)

    def _ready(self, node: int) -> bool:
        return node == 0 and "TableNames" in self.call("ListTables")

    def call(self, operation: str, **parameters: object) -> Any:
        """The decoded answer to a call such as `PutItem`. Raises ServerError where it is refused."""
        return dynamodb_call(self.url, operation, **parameters)


def dynamodb_call(url: str, operation: str, **parameters: object) -> Any:
    """The decoded answer of DynamoDB, or what emulates it, at `url`. Raises ServerError where it refuses."""
    service = "DynamoDBStreams_20120810" if "Stream" in operation or "Shard" in operation else "DynamoDB_20120810"
    headers = {
        "X-Amz-Target": f"{service}.{operation}",
        "Content-Type": "application/x-amz-json-1.0",
        "Authorization": _SIGNED,
    }
    reply = call("POST", f"{url}/", parameters, headers=headers, timeout=20)
    if reply.status != 200:
        raise ServerError(f"{operation}: {reply.status} {reply.text[:500]}")
    return reply.json


def main() -> None:
    """Run it in the foreground until Ctrl-C."""
    argparse.ArgumentParser(description="DynamoDB Local on loopback, until Ctrl-C").parse_args()
    serve_by_hand(DynamoDbLocal())


if __name__ == "__main__":
    try:
        main()
    except ServerError as error:
        raise SystemExit(str(error)) from None
