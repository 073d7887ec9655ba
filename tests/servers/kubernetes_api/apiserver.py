"""The process behind `servers.kubernetes.ScriptedKubernetes`: an API server scripted from the documented protocol.

A cluster does not fit on a machine for tests, so this speaks the part of it that reads EndpointSlices as the "API
Concepts" page and the API reference have it, checked against kube-apiserver 1.33: versions that only grow, lists that
are of one version over all their pages, watches that replay history, 410 once it is compacted (as an ERROR event, as
the real one does, or as a status), bookmarks, bearer tokens, roles, Status objects. Standard library alone:
`python -I -S apiserver.py '{"port": 1, "certificate": "...", "key": "...", "journal": "..."}'`.

`POST /_control` takes the fields of `Controls`, and the orders of `Handler.control`.
"""

from __future__ import annotations

import base64
import json
import re
import ssl
import sys
import threading
import time
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

# As a script in isolated mode, which looks for modules in the standard library alone.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from servers.kubernetes_api.apiserver_store import Change, Object, Store

KINDS = {"endpointslices": "EndpointSlice", "services": "Service"}
GROUPS = {"endpointslices": "discovery.k8s.io", "services": ""}
PATH = re.compile(r"/(?:api/v1|apis/discovery\.k8s\.io/v1)/namespaces/([^/]+)/(endpointslices|services)(?:/([^/]+))?")
REASONS = {400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 409: "AlreadyExists"}
REASONS |= {410: "Expired", 429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable"}


@dataclass
class Controls:
    """How the server behaves.

    `tokens`: token to what it may do, such as ["list endpointslices"], or ["*"]. `faults`: each has `path` (a regular
    expression), perhaps `times`, and one of `status` (with `headers`, `body`), `body`, `hang`, `truncate` (bytes),
    `close`; `delay` may stand alone. `gone`: "event" or "status". `bookmark`: seconds between bookmarks.
    """

    tokens: dict[str, list[str]] = field(default_factory=dict)
    faults: list[dict[str, Any]] = field(default_factory=list)
    gone: str = "event"
    bookmark: float = 60.0


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    store: Store
    controls: Controls
    ended = 0  # counts the orders to end watches
    cut = False
    said = ""  # what is thrown into open watches, `spoken` times so far
    spoken = 0
    requests: list[str] = []  # noqa: RUF012 - shared on purpose

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length)
        parts = urlsplit(self.path)
        self.query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        if parts.path == "/readyz":
            return self.reply(200, b"ok")
        if parts.path == "/_control":
            return self.control(json.loads(self.body))
        if self.command == "GET":
            Handler.requests.append(self.path)
        if not self.headers.get("Authorization", "").endswith("-admin") and self.faulty():
            return None
        found = PATH.fullmatch(parts.path)
        if not found:
            return self.status(404, "the server could not find the requested resource")
        return self.serve(found[1], found[2], found[3] or "")

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - named by the standard library

    def serve(self, namespace: str, resource: str, name: str) -> None:
        watch = self.query.get("watch") in ("1", "true")
        verbs = {"GET": "get" if name else "watch" if watch else "list", "POST": "create", "PUT": "update"}
        verb = verbs.get(self.command, "delete")
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self.controls.tokens:
            return self.status(401, "Unauthorized")
        allowed = self.controls.tokens[token]
        if "*" not in allowed and f"{verb} {resource}" not in allowed:
            group = GROUPS[resource]
            return self.status(
                403,
                f'{resource}{"." if group else ""}{group} is forbidden: User "system:serviceaccount:shop:web" cannot '
                f'{verb} resource "{resource}" in API group "{group}" in the namespace "{namespace}"',
            )
        if self.command == "GET" and not name:
            return self.watch(namespace, resource) if watch else self.list(namespace, resource)
        item = json.loads(self.body) if self.command in ("POST", "PUT") else None
        place = (resource, namespace, name or (item or {}).get("metadata", {}).get("name", ""))
        there = self.store.objects.get(place)
        if (there is None) != (self.command == "POST"):
            said = "already exists" if there else "not found"
            return self.status(409 if there else 404, f'{resource} "{place[2]}" {said}')
        return self.send_json(200, there if self.command == "GET" and there else self.store.put(place, item))

    def list(self, namespace: str, resource: str) -> None:
        with self.store.changed:
            version, start = self.store.version, ""
            if token := self.query.get("continue"):
                place = json.loads(base64.b64decode(token))
                version, start = place["rv"], place["start"]
                if version < self.store.compacted:
                    return self.status(410, "The provided continue parameter is too old to display a consistent list")
            everything = self.store.at(version)
        items = [item for key, item in sorted(everything.items()) if key[:2] == (resource, namespace)]
        items = [item for item in items if self.selected(item) and item["metadata"]["name"] > start]
        limit = int(self.query.get("limit", 0)) or len(items)
        metadata: Object = {"resourceVersion": str(version)}
        if len(items) > limit:
            place = {"rv": version, "start": items[limit - 1]["metadata"]["name"]}
            metadata["continue"] = base64.b64encode(json.dumps(place).encode()).decode()
        group = GROUPS[resource]
        api = f"{group}/v1" if group else "v1"
        head = {"kind": f"{KINDS[resource]}List", "apiVersion": api, "metadata": metadata}
        return self.send_json(200, head | {"items": items[:limit]})

    def watch(self, namespace: str, resource: str) -> None:
        after = int(self.query.get("resourceVersion") or self.store.version)
        too_old = after < self.store.compacted
        gone = f"too old resource version: {after} ({self.store.compacted})"
        if too_old and self.controls.gone == "status":
            return self.status(410, gone)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if too_old:
            self.event("ERROR", status(410, gone))
        else:
            self.follow(after, (resource, namespace))
        self.chunk(b"")
        return None

    def follow(self, after: int, where: tuple[str, str]) -> None:
        ended, spoken, begun = Handler.ended, Handler.spoken, time.monotonic()
        deadline = begun + float(self.query.get("timeoutSeconds", 1800))
        marked = begun
        while (now := time.monotonic()) < deadline:
            with self.store.changed:
                self.store.changed.wait_for(
                    partial(self.news, after, ended, spoken),
                    max(0.0, min(deadline, marked + self.controls.bookmark) - now),
                )
                changes = [change for change in self.store.history if change.version > after]
            if Handler.ended != ended:
                if Handler.cut:
                    self.close_connection = True
                    raise ConnectionAbortedError
                return
            if Handler.spoken != spoken:
                spoken = Handler.spoken
                self.chunk(Handler.said.encode())
            for change in changes:
                after = change.version
                if change.place[:2] == where:
                    self.tell(change)
            if time.monotonic() >= marked + self.controls.bookmark and after <= self.store.version:
                marked = time.monotonic()
                metadata = {"resourceVersion": str(self.store.version), "creationTimestamp": None}
                if self.query.get("allowWatchBookmarks") == "true":
                    self.event("BOOKMARK", {"kind": KINDS[where[0]], "metadata": metadata})

    def news(self, after: int, ended: int, spoken: int) -> bool:
        history = self.store.history
        return bool(history and history[-1].version > after) or (Handler.ended, Handler.spoken) != (ended, spoken)

    def tell(self, change: Change) -> None:
        was = change.old is not None and self.selected(change.old)
        if change.new is not None and self.selected(change.new):
            self.event("MODIFIED" if was else "ADDED", change.new)
        elif was and change.old is not None:
            metadata = change.old["metadata"] | {"resourceVersion": str(change.version)}
            self.event("DELETED", change.old | {"metadata": metadata})

    def selected(self, item: Object) -> bool:
        wanted = self.query.get("labelSelector", "")
        key, _, value = wanted.partition("=")
        return not wanted or item["metadata"].get("labels", {}).get(key) == value

    def faulty(self) -> bool:
        """Whether a fault has dealt with the request."""
        for fault in self.controls.faults:
            if not re.search(fault.get("path", ""), self.path) or fault.get("times", 1) <= 0:
                continue
            if "times" in fault:
                fault["times"] -= 1
            time.sleep(fault.get("delay", 0))
            if fault.get("hang"):
                threading.Event().wait(60)
            body = fault.get("body", "").encode()
            if fault.get("close") or fault.get("hang"):
                self.close_connection = True
            elif "truncate" in fault:
                self.send_response(200)
                self.send_header("Content-Length", str(fault["truncate"] + 1000))
                self.end_headers()
                self.wfile.write(b"{" * fault["truncate"])
                self.close_connection = True
            elif "status" in fault and not body:
                self.status(fault["status"], "a fault", fault.get("headers", {}))
            elif "status" in fault or body:
                self.reply(fault.get("status", 200), body, fault.get("headers", {}))
            else:
                return False
            return True
        return False

    def control(self, orders: dict[str, Any]) -> None:
        """Carry out all orders in one step: an open watch that is ended here says nothing of what is applied here."""
        with self.store.changed:
            for key in ("tokens", "faults", "gone", "bookmark"):
                if key in orders:
                    setattr(self.controls, key, orders[key])
            for place, item in orders.get("apply", []):
                self.store.put(tuple(place), item)
            if orders.get("compact"):
                self.store.compacted = self.store.version
            if orders.get("reset"):
                self.store.journal.unlink(missing_ok=True)
                self.store.reset()
            if "say" in orders:
                Handler.said, Handler.spoken = orders["say"], Handler.spoken + 1
            if "end" in orders:
                Handler.cut, Handler.ended = orders["end"] == "cut", Handler.ended + 1
            if orders.get("forget"):
                Handler.requests.clear()
            self.store.changed.notify_all()
        self.send_json(200, {"version": self.store.version, "requests": Handler.requests})

    def event(self, kind: str, item: Object) -> None:
        self.chunk(json.dumps({"type": kind, "object": item}).encode() + b"\n")

    def chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def status(self, code: int, message: str, headers: dict[str, str] | None = None) -> None:
        self.send_json(code, status(code, message), headers)

    def send_json(self, code: int, item: Object, headers: dict[str, str] | None = None) -> None:
        self.reply(code, json.dumps(item).encode(), headers)

    def reply(self, code: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(code)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def status(code: int, message: str) -> Object:
    head: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    return head | {"message": message, "reason": REASONS.get(code, "Unknown"), "code": code}


class ApiServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def get_request(self) -> tuple[Any, Any]:
        connection, address = super().get_request()
        # The handshake is left to the connection's own thread: a client that hangs in it holds nobody up.
        return self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away, or a handshake that failed, is none of ours."""

    tls: ssl.SSLContext


def main() -> None:
    options = json.loads(sys.argv[1])
    Handler.store = Store(Path(options["journal"]))
    Handler.controls = Controls(tokens=options["tokens"])
    with ApiServer(("127.0.0.1", options["port"]), Handler) as server:
        server.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        server.tls.load_cert_chain(options["certificate"], options["key"])
        server.serve_forever()


if __name__ == "__main__":
    main()
