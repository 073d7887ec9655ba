"""What faults are planted in: a folder, an environment, real registries, and servers that do as they are told."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import os
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from importlib.metadata import EntryPoints, entry_points
from pathlib import Path

import pytest
import trustme

from meshclient.cli.checks import registry
from meshclient.cli.main import main
from servers.backend import Backend
from servers.consul import Consul
from servers.ports import free_port

# Seconds, of a bound against a hang.
BOUND = 20.0

Reply = Callable[[bytes], bytes]

# What the machine that runs the tests may have set, and what would be told of.
_FOREIGN = frozenset(
    {
        "MESHCLIENT_ADMIN",
        "MESHCLIENT_CONFIG",
        "MESHCLIENT_RESOLVER",
        "MESHCLIENT_OUTPUT",
        "MESHCLIENT_SIDECAR_URL",
        "NO_COLOR",
        "FORCE_COLOR",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
    }
)
_FAMILIES = ("OTEL_", "CONSUL_HTTP_", "MESHCLIENT_DEFAULTS__", "MESHCLIENT_SERVICES__")


@functools.lru_cache
def _points(_path: tuple[str, ...], group: str, name: str | None = None) -> EntryPoints:
    """What is installed, looked for once for each path: that is most of what a look costs."""
    return entry_points(group=group) if name is None else entry_points(group=group, name=name)


def run(*words: str) -> int:
    """``meshclient check`` in this process; its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        # It is for the tests themselves, and the command would complain of it.
        patch.delenv("MESHCLIENT_GOLDEN", raising=False)
        return main(["check", *words])


def prepared(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Stand in `folder`, with nothing set and a terminal that is known."""
    patch.chdir(folder)
    for name in os.environ:
        if name in _FOREIGN or name.startswith(_FAMILIES) or name.lower().endswith("_proxy"):
            patch.delenv(name)
    for place in ("importlib.metadata", "meshclient.cli.checks.plugged", "meshclient.cli.checks.observing"):
        patch.setattr(f"{place}.entry_points", lambda **words: _points(tuple(sys.path), **words))
    # On a busy machine everything is slow.
    patch.setattr(registry, "SLOW", BOUND)
    patch.setenv("COLUMNS", "80")
    patch.setenv("TERM", "xterm")


def well(_request: bytes = b"", *, ahead: float = 0.0, body: bytes = b"") -> bytes:
    """A good answer, of a server whose clock is that many seconds ahead."""
    head = f"HTTP/1.1 200 OK\r\nDate: {formatdate(time.time() + ahead, usegmt=True)}\r\n"
    return f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


class Listener:
    """A server on loopback, in this process: what it gets first decides what it answers, and then it closes.

    Args:
        reply: makes the answer; None to say nothing and hold the connection.
        tls: how it proves who it is, or None for plain text.
        host: where it listens.
        port: likewise; 0 for any that is free.
        plainly: what is said to those who speak no TLS; empty to break off.
    """

    def __init__(
        self,
        reply: Reply | None = well,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        plainly: bytes = b"",
    ) -> None:
        """Begin to listen."""
        self._plainly = plainly
        self._reply = reply
        self._tls = tls
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family)
        self.host = host
        self.port: int = self._socket.getsockname()[1]
        self.accepted = 0
        self.requests: list[bytes] = []
        self._held: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.accepted += 1
            if self._reply is None:
                self._held.append(connection)
                continue
            threading.Thread(target=self._answer, args=(connection, self._reply), daemon=True).start()

    def _answer(self, connection: socket.socket, reply: Reply) -> None:
        with contextlib.suppress(OSError), connection:
            connection.settimeout(BOUND)
            if self._plainly and connection.recv(1, socket.MSG_PEEK) == b"H":
                connection.recv(65536)
                connection.sendall(self._plainly)
                return
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection:
                request = connection.recv(65536)
                self.requests.append(request)
                connection.sendall(reply(request))

    def besides(self, words: bytes, other: bytes) -> None:
        """Answer `other` to whatever has not these words in it."""
        reply = self._reply
        assert reply is not None
        self._reply = lambda request: reply(request) if words in request else other

    def stop(self) -> None:
        """Stop listening."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for each in self._held:
            each.close()
        self._thread.join(BOUND)


@dataclass
class Ground:
    """Where one fault is planted.

    Args:
        folder: the working directory, empty.
        patch: for the environment.
        fixture: gives a fixture by its name, once it is needed.
        authority: signs certificates that `write` has trusted.
    """

    folder: Path
    patch: pytest.MonkeyPatch
    fixture: Callable[[str], object]
    authority: trustme.CA
    listeners: list[Listener] = field(default_factory=list)

    @classmethod
    def bare(cls, folder: Path, patch: pytest.MonkeyPatch) -> Ground:
        """One that needs no server."""
        prepared(folder, patch)
        return cls(folder, patch, lambda name: pytest.fail(f"no fixture {name} here"), trustme.CA())

    @property
    def consul(self) -> Consul:
        """A real one."""
        found = self.fixture("consul")
        assert isinstance(found, Consul)
        return found

    @property
    def good(self) -> int:
        """The port of a real instance that is in order."""
        pair = self.fixture("shared_backends")
        assert isinstance(pair, tuple)
        backend = pair[0]
        assert isinstance(backend, Backend)
        return backend.port

    def write(self, text: str, name: str = "meshclient.toml") -> str:
        """Write a file, and give its path."""
        (self.folder / name).write_text(text, "utf-8")
        return str(self.folder / name)

    def static(self, *endpoints: str, more: str = "") -> None:
        """A configuration of one service, orders."""
        self.write(f"[services.orders]\nendpoints = {list(endpoints)}\n{more}\n")

    def registered(self, service: str = "orders", *, more: str = "") -> None:
        """A configuration that asks the real Consul for one service."""
        self.write(f'resolver = "consul://127.0.0.1:{self.consul.port}"\n[services.{service}]\n{more}\n')

    def listen(
        self, reply: Reply | None = well, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", port: int = 0
    ) -> int:
        """Start a server, and give its port."""
        self.listeners.append(Listener(reply, tls, host, port))
        return self.listeners[-1].port

    def closed(self) -> int:
        """A port at which nobody listens."""
        return free_port()

    def secure(
        self, issued: trustme.LeafCert, *, clients: trustme.CA | None = None, reply: Reply = well, speaks: str = ""
    ) -> int:
        """Start a server with that certificate; it wants one that `clients` has signed, and `speaks` one protocol."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        issued.configure_cert(context)
        if speaks:
            context.set_alpn_protocols([speaks])
        if clients is not None:
            clients.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        return self.listen(reply, context)

    def both(self, issued: trustme.LeafCert, told: bytes) -> int:
        """Start a server that speaks TLS, and says so in plain text to those who do not."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        issued.configure_cert(context)
        self.listeners.append(Listener(tls=context, plainly=told))
        return self.listeners[-1].port

    def issued(self, *names: str, begins: float = -86_400.0, ends: float = 90 * 86_400.0) -> trustme.LeafCert:
        """A certificate that is valid from and until so many seconds from now."""
        now = dt.datetime.now(dt.UTC)
        since, until = (now + dt.timedelta(seconds=each) for each in (begins, ends))
        return self.authority.issue_cert(*(names or ("orders",)), not_before=since, not_after=until)

    def trusting(self, port: int, more: str = "") -> None:
        """A configuration of one https service, whose authority is trusted."""
        path = self.folder / "ca.pem"
        self.authority.cert_pem.write_to_path(path)
        self.static(f"https://127.0.0.1:{port}", more=f'[services.orders.tls]\nca = "{path}"\n{more}')

    def client_files(self, issued: trustme.LeafCert) -> str:
        """Settings that show `issued` to endpoints."""
        cert, key = self.folder / "cert.pem", self.folder / "key.pem"
        issued.cert_chain_pems[0].write_to_path(cert)
        issued.private_key_pem.write_to_path(key)
        return f'cert = "{cert}"\nkey = "{key}"'

    def install(
        self, distribution: str, entry: str, group: str = "meshclient.resolvers", *, module: str | None = None
    ) -> None:
        """A distribution with one entry point, and perhaps its `module`, in a folder that Python looks into."""
        info = self.folder / "site" / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n", "utf-8")
        (info / "entry_points.txt").write_text(f"[{group}]\n{entry}\n", "utf-8")
        if module is not None:
            (self.folder / "site" / f"{entry.partition(' = ')[2].partition(':')[0]}.py").write_text(module, "utf-8")
        # Last, so that what Python remembers of the folder is the whole.
        self.patch.syspath_prepend(str(self.folder / "site"))

    def without(self, *hidden: str) -> None:
        """An installation like this one, in which these files are not."""
        (here,) = {Path(path) for path in sys.path if path.endswith("site-packages")}
        bare = self.folder / "bare"
        bare.mkdir()
        for each in here.iterdir():
            if not each.name.startswith(hidden):
                (bare / each.name).symlink_to(each)
        self.patch.setattr(sys, "path", [str(bare) if path == str(here) else path for path in sys.path])
