"""Starting what answers the clients, and asking it how many connections they opened.

Plain requests are answered by `backend_process.py`: by trial it takes less CPU a request than nginx does, and it looks
at what it is sent. For TLS it is the other way round, by far, so that nginx does that where it is on the PATH or
Debian's package can be unpacked (no root needed); else `backend_process.py` does it too, and the report says so.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from _clients.workload import SMALL_TEXT

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent
SUITE = "bookworm"
PATIENCE = 10.0
CONFIGURATION = """
daemon off; master_process off; pid nginx.pid; error_log error.log;
worker_processes 1;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 3600s; default_type application/json;
  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
  ssl_certificate certificate.pem; ssl_certificate_key key.pem; ssl_protocols TLSv1.3;
  server {{
    {listen}
    location = /g {{ add_header x-backend 1; return 200 '{answer}'; }}
    location = /n {{ stub_status; }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Backend:
    """Servers that are up.

    Args:
        plain: origins of the endpoints, ``http://127.0.0.1:40001``.
        secure: the same with https; empty where there is no TLS.
        authority: file of the certificate authority behind `secure`.
        counters: ports that tell the number of connections so far.
        says: for the report.
    """

    plain: list[str]
    secure: list[str]
    authority: str
    counters: list[int]
    says: str

    def connections(self) -> int:
        """How many were opened so far, by the clients and by this question."""
        return sum(_count(port) for port in self.counters)


def _count(port: int) -> int:
    asking = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        asking.request("GET", "/n")
        # nginx: "Active connections: 1 \nserver accepts handled requests\n 2 2 2"; ours: a number.
        numbers = re.findall(rb"\d+", asking.getresponse().read())
    finally:
        asking.close()
    return int(numbers[1] if len(numbers) > 1 else numbers[0])


@contextmanager
def serving(python: str, core: int | None) -> Iterator[Backend]:
    """A backend on `core`, run by an interpreter that has uvloop."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [python, str(HERE / "backend_process.py"), "" if core is None else str(core), name]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                ports = json.loads(process.stdout.readline())
                with _nginx(folder, core) as secure:
                    yield _backend(ports, secure, folder)
            finally:
                process.stdin.close()


def _backend(ports: dict[str, list[int]], nginx: list[int], folder: Path) -> Backend:
    counters = [ports["plain"][0]]
    if nginx:
        *secure, counter = nginx
        counters.append(counter)
        says = "plain: backend_process.py, TLS: nginx"
    else:
        secure = ports["secure"]
        says = f"plain: backend_process.py, TLS: {'the same (no nginx)' if secure else 'not measured (no trustme)'}"
    plain = [f"http://127.0.0.1:{port}" for port in ports["plain"]]
    return Backend(
        plain, [f"https://127.0.0.1:{port}" for port in secure], str(folder / "authority.pem"), counters, says
    )


@contextmanager
def _nginx(folder: Path, core: int | None) -> Iterator[list[int]]:
    """The TLS ports and the counting port of an nginx; nothing where there is none."""
    program = _program() if (folder / "certificate.pem").exists() else None
    if program is None:
        yield []
        return
    ports = _free_ports(4)
    listen = " ".join([*(f"listen 127.0.0.1:{port} ssl backlog=4096;" for port in ports[:-1]),
                       f"listen 127.0.0.1:{ports[-1]};"])  # fmt: skip
    path = folder / "nginx.conf"
    path.write_text(CONFIGURATION.format(listen=listen, answer=SMALL_TEXT.decode()), "utf-8")
    pinned = [] if core is None else ["taskset", "-c", str(core)]
    with subprocess.Popen([*pinned, program, "-p", f"{folder}/", "-c", str(path)], stderr=subprocess.DEVNULL) as nginx:
        try:
            yield ports if _answers(ports[-1], nginx) else []
        finally:
            nginx.terminate()


def _answers(port: int, process: subprocess.Popen[bytes]) -> bool:
    until = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < until:
        try:
            return _count(port) > 0
        except OSError:
            time.sleep(0.02)
    return False


def _free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


def _program() -> str | None:
    """The path of nginx, found or unpacked as the tests do it."""
    sys.path[:0] = [str(HERE.parents[1] / "tests")]
    from servers.errors import NotInstalledError
    from servers.packages import find_program, unpack

    try:
        return find_program("nginx") or str(unpack("nginx", SUITE, "usr/sbin/nginx"))
    except NotInstalledError:
        return None
