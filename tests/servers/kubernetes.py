"""API servers of Kubernetes on loopback: one scripted from the documented protocol, and the real kube-apiserver.

A cluster (nodes, pods, the controller that writes EndpointSlices) does not fit on a machine for tests; the tests write
slices themselves, as that controller would. The scripted server is always there and can be broken at will. The real
one, on an etcd of its own, shows that the script is right; install() builds it with Go, in some minutes, and nobody
needs it: its tests are skipped where it is not there.
By hand: `PYTHONPATH=tests python -m servers.kubernetes [--real]`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from servers.errors import NotInstalledError, ServerError
from servers.etcd import Etcd
from servers.packages import cache_root, find_program, first_line
from servers.ports import free_port
from servers.process import Process, spawn
from servers.rest import Reply, call, expect
from servers.server import DEFAULT_LIFE, Server, serve_by_hand

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SCRIPT = Path(__file__).resolve().with_name("kubernetes_api") / "apiserver.py"
_RELEASE = "1.33.0"  # its modules, the staged ones among them, are all in Go's checksum database
_BUILD_TIMEOUT = 1800.0
_ADMIN, _READER, _STRANGER = "t0k3n-admin", "t0k3n-reader", "t0k3n-stranger"
_READS = ["list endpointslices", "watch endpointslices", "get services"]
NAMESPACE = "shop"
SLICES = f"/apis/discovery.k8s.io/v1/namespaces/{NAMESPACE}/endpointslices"
SERVICES = f"/api/v1/namespaces/{NAMESPACE}/services"
LABEL = "kubernetes.io/service-name"


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files: the authority of the clients' trust, the server's own certificate and key."""

    authority: Path
    certificate: Path
    key: Path


def locate() -> str | None:
    """The kube-apiserver program: `MESHCLIENT_KUBE_APISERVER_BIN`, the one in the cache, on PATH, or None."""
    given = os.environ.get("MESHCLIENT_KUBE_APISERVER_BIN")
    cached = _cached()
    return given or (str(cached) if cached.exists() else find_program("kube-apiserver"))


def install() -> Path:
    """The real server's path, built with Go into the cache first where there is none: no root, but some minutes.

    Raises NotInstalledError where there is no Go or it cannot build it.
    """
    if known := locate():
        return Path(known)
    if (go := find_program("go")) is None:
        raise NotInstalledError("building kube-apiserver needs Go 1.24 or later")
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        module = json.loads(_go(go, work, "mod", "download", "-json", f"k8s.io/kubernetes@v{_RELEASE}"))
        source = Path(module["Dir"])
        # Kubernetes replaces its staged modules by folders of its repository; outside of it they are those published.
        staged = re.findall(r"^\t(k8s\.io/\S+) => \./staging/", (source / "go.mod").read_text(), re.MULTILINE)
        published = "".join(f"replace {each} => {each} v0{_RELEASE[1:]}\n" for each in staged)
        (work / "go.mod").write_text(f"module build\ngo 1.24.0\nrequire k8s.io/kubernetes v{_RELEASE}\n{published}")
        shutil.copyfile(source / "go.sum", work / "go.sum")
        stamp = f"-s -w -X k8s.io/component-base/version.gitVersion=v{_RELEASE}"
        built = work / "kube-apiserver"
        _go(go, work, "build", "-mod=mod", "-ldflags", stamp, "-o", str(built), "k8s.io/kubernetes/cmd/kube-apiserver")
        _cached().parent.mkdir(parents=True, exist_ok=True)
        shutil.move(built, _cached())
    return _cached()


def _cached() -> Path:
    return cache_root() / f"kube-apiserver-{_RELEASE}" / "kube-apiserver"


def _go(go: str, folder: Path, *arguments: str) -> str:
    command = [go, *arguments]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_BUILD_TIMEOUT, check=False)
    except subprocess.TimeoutExpired as error:
        raise NotInstalledError(f"go {arguments[0]}: no end after {_BUILD_TIMEOUT:g} s") from error
    if done.returncode:
        raise NotInstalledError(f"go {arguments[0]} failed: {done.stderr.strip()[-500:]}")
    return done.stdout


@cache
def program_version(program: str | Path) -> str:
    """`1.33.0`, as the program says itself."""
    found = re.search(r"\d+(\.\d+)+", first_line([str(program), "--version"]))
    return found[0] if found else "of unknown version"


class ApiServer(Server):
    """What both have: an HTTPS port, the tokens `admin`, `reader` and `stranger`, and the means to write slices."""

    def __init__(self, tls: TlsFiles, *, life: float = DEFAULT_LIFE) -> None:
        """Prepare a server with these certificates."""
        super().__init__(life=life)
        self.tls, self.port = tls, 0
        self.admin, self.reader, self.stranger = _ADMIN, _READER, _STRANGER
        self._trust = ssl.create_default_context(cafile=str(tls.authority))

    @property
    def url(self) -> str:
        """The URL of the API."""
        return f"https://127.0.0.1:{self.port}"

    def describe(self) -> Mapping[str, object]:
        """The address, the authority, and the tokens."""
        tokens = {"admin": self.admin, "reader": self.reader, "stranger": self.stranger}
        return {"url": self.url, "authority": str(self.tls.authority), "namespace": NAMESPACE, "tokens": tokens}

    def _choose_ports(self) -> None:
        self.port = free_port()

    def _ready(self, node: int) -> bool:
        return self.request("GET", "/readyz", timeout=2).status == 200

    def request(self, method: str, path: str, body: object = None, *, timeout: float = 10.0) -> Reply:
        """One request as the administrator."""
        headers = {"Authorization": f"Bearer {self.admin}", "Content-Type": "application/json"}
        return call(method, self.url + path, body, headers=headers, timeout=timeout, tls=self._trust)

    def call(self, method: str, path: str, body: object = None) -> Any:
        """The decoded answer to the administrator; ServerError unless it is a success."""
        reply = self.request(method, path, body)
        return reply.json if reply.status == 201 else expect(reply, f"{method} {path}").json

    def put_service(self, name: str) -> None:
        """Create a Service."""
        spec = {"ports": [{"port": 80}], "clusterIP": "None"}
        self.call("POST", SERVICES, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec})

    def put_slice(self, item: Mapping[str, Any]) -> None:
        """Create a slice, or replace that of its name."""
        if self.request("PUT", f"{SLICES}/{item['metadata']['name']}", item).status != 200:
            self.call("POST", SLICES, item)

    def delete_slice(self, name: str) -> None:
        """Delete a slice."""
        self.call("DELETE", f"{SLICES}/{name}")

    def set_slices(self, service: str, items: Sequence[Mapping[str, Any]]) -> None:
        """Let the service have exactly these slices."""
        there = self.call("GET", f"{SLICES}?labelSelector={quote(f'{LABEL}={service}')}")["items"]
        for name in {each["metadata"]["name"] for each in there} - {each["metadata"]["name"] for each in items}:
            self.delete_slice(name)
        for item in items:
            self.put_slice(item)


class ScriptedKubernetes(ApiServer):
    """The scripted server. It keeps what was written over restart(), which the wipe loses."""

    kind: ClassVar[str] = "kubernetes-scripted"

    @property
    def product(self) -> str:
        """Its name in the census."""
        return "kubernetes api (scripted)"

    @property
    def version(self) -> str:
        """The version of the API that it speaks."""
        return "v1"

    def missing(self) -> str | None:
        """Nothing: it is part of the tests."""
        return None

    def _launch(self, node: int) -> Process:
        files = {"certificate": self.tls.certificate, "key": self.tls.key, "journal": self.dir / "journal"}
        options = {"port": self.port, "tokens": self._tokens(), **{key: str(path) for key, path in files.items()}}
        return spawn([sys.executable, "-I", "-S", _SCRIPT, json.dumps(options)], self.log(node), self.life)

    def _wipe(self, node: int) -> None:
        (self.dir / "journal").unlink(missing_ok=True)

    def control(self, **orders: object) -> Any:
        """Give it orders (see kubernetes_api/apiserver.py); what it says of itself."""
        return self.call("POST", "/_control", orders)

    def heal(self) -> None:
        """Undo what a test did to it."""
        super().heal()
        self.control(faults=[], tokens=self._tokens(), gone="event", bookmark=60, forget=True)

    def _tokens(self) -> dict[str, list[str]]:
        return {self.admin: ["*"], self.reader: _READS, self.stranger: []}


class Kubernetes(ApiServer):
    """A real kube-apiserver with role-based access control, on an etcd of its own."""

    kind: ClassVar[str] = "kube-apiserver"
    ready_timeout: ClassVar[float] = 60.0

    def __init__(self, tls: TlsFiles, *, life: float = DEFAULT_LIFE) -> None:
        """Prepare a server with these certificates; its etcd starts and stops with it."""
        super().__init__(tls, life=life)
        self.etcd = Etcd(life=life)

    @property
    def version(self) -> str:
        """The version of the program."""
        return program_version(locate() or "kube-apiserver")

    def missing(self) -> str | None:
        """What is not here."""
        return self.etcd.missing() if locate() else "no kube-apiserver: `make kubernetes` builds it, with Go"

    def _choose_ports(self) -> None:
        super()._choose_ports()
        self.etcd.start()
        users = (f'{self.admin},admin,admin,"system:masters"', f"{self.reader},reader,reader", f"{self.stranger},x,x")
        (self.dir / "tokens.csv").write_text("\n".join(users) + "\n")

    def _launch(self, node: int) -> Process:
        key = str(self.tls.key)
        arguments = {
            "etcd-servers": self.etcd.url,
            "bind-address": "127.0.0.1",
            "secure-port": self.port,
            "tls-cert-file": self.tls.certificate,
            "tls-private-key-file": key,
            "client-ca-file": self.tls.authority,
            "service-account-key-file": key,
            "service-account-signing-key-file": key,
            "service-account-issuer": "https://kubernetes.test",
            "token-auth-file": self.dir / "tokens.csv",
            "authorization-mode": "RBAC",
            "service-cluster-ip-range": "10.96.0.0/16",
            "disable-admission-plugins": "ServiceAccount",
            "endpoint-reconciler-type": "none",
        }
        command = [locate() or "kube-apiserver", *(f"--{option}={value}" for option, value in arguments.items())]
        return spawn(command, self.log(node), self.life)

    def _started(self) -> None:
        if self.request("GET", f"/api/v1/namespaces/{NAMESPACE}").status == 404:
            self.call("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})

    def restart(self, node: int = 0, *, wipe: bool = False, wait: bool = True) -> None:
        """As Server.restart; the wipe loses etcd's data, and versions begin again at 1."""
        super().restart(node, wipe=wipe, wait=wait)
        if wait:
            self._started()

    def _wipe(self, node: int) -> None:
        self.etcd.restart(wipe=True)

    def stop(self) -> None:
        """End both; harmless when repeated."""
        super().stop()
        self.etcd.stop()


def main() -> None:
    """Run one of them in the foreground until Ctrl-C."""
    import trustme

    parser = argparse.ArgumentParser(description="An API server of Kubernetes on loopback, until Ctrl-C")
    parser.add_argument("--real", action="store_true", help="kube-apiserver on etcd, built first where it is missing")
    if real := parser.parse_args().real:
        install()
    with tempfile.TemporaryDirectory() as folder:
        files = TlsFiles(*(Path(folder) / name for name in ("ca.pem", "server.pem", "server.key")))
        authority = trustme.CA()
        server = authority.issue_cert("127.0.0.1", "localhost")
        authority.cert_pem.write_to_path(files.authority)
        server.cert_chain_pems[0].write_to_path(files.certificate)
        server.private_key_pem.write_to_path(files.key)
        serve_by_hand(Kubernetes(files) if real else ScriptedKubernetes(files))


if __name__ == "__main__":
    try:
        main()
    except ServerError as error:
        raise SystemExit(str(error)) from None
