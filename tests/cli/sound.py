"""What looks odd and is well: ``meshclient check`` has nothing to say of it, with ``--fail-on warning`` either."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import closing, suppress
from email.utils import formatdate

import pytest

from cli.ground import BOUND, Ground, well
from cli.planting import ONE, Planting, composed, consul_that, file, static

REFUSES_HEAD = b"HTTP/1.1 405 Method Not Allowed\r\nAllow: POST\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def ipv6(ground: Ground) -> tuple[str, ...]:
    try:
        port = ground.listen(host="::1")
    except OSError:
        pytest.skip("this machine has no ::1")
    ground.static(f"http://[::1]:{port}")
    return ()


def unix_socket(ground: Ground) -> tuple[str, ...]:
    path = ground.folder / "s"
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen()
    listening.settimeout(BOUND)

    def serve() -> None:
        with suppress(OSError), closing(listening), listening.accept()[0] as connection:
            connection.recv(65536)
            connection.sendall(well())

    threading.Thread(target=serve, daemon=True).start()
    ground.static(f"unix:{path}")
    return ()


def posts_only(ground: Ground) -> tuple[str, ...]:
    ground.static(f"http://127.0.0.1:{ground.listen(lambda _: REFUSES_HEAD)}")
    return ()


def connections_only(ground: Ground) -> tuple[str, ...]:
    ground.static(f"http://127.0.0.1:{ground.listen(None)}", more="health = { tcp = true }")
    return ()


def slow(ground: Ground) -> tuple[str, ...]:
    def reply(_: bytes) -> bytes:
        time.sleep(0.3)
        return well()

    ground.static(f"http://127.0.0.1:{ground.listen(reply)}")
    return ()


def http2_alone(ground: Ground) -> tuple[str, ...]:
    port = ground.secure(ground.issued(), reply=lambda _: b"\0\0\0\4\0\0\0\0\0", speaks="h2")
    ground.trusting(port)
    ground.write((ground.folder / "meshclient.toml").read_text("utf-8").replace("endpoints", "http2 = true\nendpoints"))
    return ()


def from_a_cache(ground: Ground) -> tuple[str, ...]:
    kept = f"HTTP/1.1 200 OK\r\nDate: {formatdate(time.time() - 90, usegmt=True)}\r\nAge: 90\r\n\r\n".encode()
    ground.static(f"http://127.0.0.1:{ground.listen(lambda _: kept)}")
    return ()


def proxied(ground: Ground) -> tuple[str, ...]:
    """A collector, that only a proxy knows."""
    ground.patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector.invalid:4318")
    ground.patch.setenv("HTTPS_PROXY", "http://proxy.invalid:3128")
    # Whether an exporter is installed is another question.
    return (*static("http://127.0.0.1:GOOD")(ground), "--skip", "MC804")


def administered(ground: Ground) -> tuple[str, ...]:
    ground.patch.setenv("MESHCLIENT_ADMIN", f"unix:{ground.folder}/admin.sock")
    return file(f'mode = "on-demand"\nstate_dir = "not/yet/there"\n{ONE}')(ground)


def registry_that_lists_nothing(ground: Ground) -> tuple[str, ...]:
    consul_that(ground)
    refused = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    ground.listeners[-1].besides(b"/v1/health/", refused)
    return ()


WELL: dict[str, Planting] = {
    "ipv6": ipv6,
    "unix socket": unix_socket,
    "405": posts_only,
    "tcp": connections_only,
    "slow": slow,
    "http2": http2_alone,
    "cache": from_a_cache,
    "proxy": proxied,
    "admin": administered,
    "acl": registry_that_lists_nothing,
    "inbound": file('[sidecar]\noutbound = ""\ninbound = "127.0.0.1:9000"\napp = "127.0.0.1:8000"\n'),
    "resolver": composed("static://127.0.0.1:GOOD"),
    "choice": composed("static://127.0.0.1:GOOD | static://127.0.0.1:GOOD"),
    "sum": composed("static://127.0.0.1:GOOD + static://127.0.0.1:GOOD"),
    "migration": composed("migrate(static://127.0.0.1:GOOD, static://127.0.0.1:GOOD)"),
}
