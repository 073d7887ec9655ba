"""The services that the pages call: one small HTTP server for each address, which knows the shop of the examples."""

from __future__ import annotations

import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

_ORDER = re.compile(r"/v1/orders/(\d+)")


class Shop:
    """An instance of all services of the shop, on a port of the kernel's.

    Attributes:
        name: what answers call it: the address that the pages have for it.
    """

    def __init__(self) -> None:
        self.name = ""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def answer(method: str, path: str, name: str) -> tuple[int, object]:
    """Status and document."""
    path = path.partition("?")[0]
    if method == "POST":
        return 201, {"id": 43, "lines": ["tea"], "items": [{"sku": "tea", "price": 3.5}]}
    if found := _ORDER.fullmatch(path):
        return 200, {"id": int(found[1]), "lines": ["tea", "milk"], "items": [{"sku": "tea", "price": 3.5}]}
    return 200, {"instance": name, "path": path}


def _handler(shop: Shop) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            status, document = answer(self.command, self.path, shop.name)
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - as they are looked up

        def log_message(self, *_arguments: Any) -> None:
            """Say nothing."""

    return Handler
