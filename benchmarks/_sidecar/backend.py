"""What is proxied to: three endpoints with and three without TLS, by nginx."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import trustme
from _clients.backend import _answers, _free_ports, _program

if TYPE_CHECKING:
    from collections.abc import Iterator

ANSWER = '{"id":12345,"name":"widget","tags":["a","b","c"],"price":12.5,"stock":42,"desc":"xxxxxxxxxxxxxxxxx"}'
MEGABYTE = 1 << 20
CONFIGURATION = """
daemon off; master_process off; pid nginx.pid; error_log error.log;
worker_processes 1;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 3600s; default_type application/json; tcp_nodelay on;
  client_max_body_size 64m; client_body_buffer_size 64k;
  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
  ssl_certificate certificate.pem; ssl_certificate_key key.pem; ssl_protocols TLSv1.3;
  server {{
    {listen}
    root .;
    location = /j {{ add_header x-backend $server_port; return 200 '{answer}'; }}
    location = /m {{ try_files /m.bin =404; }}
    location = /n {{ stub_status; }}
    location / {{ return 200 '{{}}'; }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Backend:
    """Endpoints that are up.

    Args:
        plain: ports without TLS.
        secure: ports with.
        authority: file of the certificate authority behind `secure`.
    """

    plain: list[int]
    secure: list[int]
    authority: Path


@contextmanager
def serving(folder: Path, core: int | None) -> Iterator[Backend]:
    """Start nginx on `core`. Raises SystemExit where there is none: the backend must not be what is slow."""
    program = _program()
    if program is None:
        raise SystemExit("sidecar.py needs nginx for its backend: apt-get install nginx-core")
    authority = trustme.CA()
    leaf = authority.issue_cert("127.0.0.1", "orders")
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    leaf.cert_chain_pems[0].write_to_path(str(folder / "certificate.pem"))
    leaf.private_key_pem.write_to_path(str(folder / "key.pem"))
    (folder / "m.bin").write_bytes(os.urandom(MEGABYTE))
    ports = _free_ports(6)
    listen = [f"listen 127.0.0.1:{port}{' ssl' * (number > 2)} backlog=4096;" for number, port in enumerate(ports)]
    path = folder / "backend.conf"
    path.write_text(CONFIGURATION.format(listen=" ".join(listen), answer=ANSWER), "utf-8")
    pinned = [] if core is None else ["taskset", "-c", str(core)]
    with subprocess.Popen([*pinned, program, "-p", f"{folder}/", "-c", str(path)], stderr=subprocess.DEVNULL) as nginx:
        try:
            if not _answers(ports[0], nginx):
                raise SystemExit("the backend, nginx, does not answer")
            yield Backend(ports[:3], ports[3:], folder / "authority.pem")
        finally:
            nginx.terminate()
