"""WSGI in front of moto: counts calls, throttles them, and answers what is asked below /meshclient/."""

from __future__ import annotations

import json
import re
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from servers.aws_overlay import cloudmap, streams
from servers.aws_overlay.dynamodb import sweep_ttl
from servers.aws_overlay.state import CALLS, CLOUDMAP, LOCK, THROTTLES, Throttle
from servers.aws_overlay.zone import zone_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_PATH = "/meshclient/"
_JSON = "application/x-amz-json-1.1"
# The error code and HTTP status, by the beginning of X-Amz-Target.
_REFUSALS = {
    "Route53AutoNaming": ("RequestLimitExceeded", 429),
    "DynamoDB_": ("ProvisionedThroughputExceededException", 400),
    "DynamoDBStreams": ("LimitExceededException", 400),
}


class Controls:
    """The application that the server runs."""

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path.startswith(_PATH):
            return _control(environ, start_response, path.removeprefix(_PATH))
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        service, _, operation = target.partition(".")
        if not target:
            scope = re.search(r"/([a-z0-9-]+)/aws4_request", environ.get("HTTP_AUTHORIZATION", ""))
            service = scope[1] if scope else ""
            operation = f"{service}:{environ['REQUEST_METHOD']}"
        with LOCK:
            CALLS[operation] = CALLS.get(operation, 0) + 1
            rule = THROTTLES.get(operation) or THROTTLES.get(service) or THROTTLES.get("*")
            limited = rule is not None and not rule.take()
        if rule is not None and limited:
            return _refuse(rule, service, start_response, json_service=bool(target))
        return self.app(environ, start_response)


def _refuse(rule: Throttle, service: str, start_response: StartResponse, *, json_service: bool) -> list[bytes]:
    known = next((refusal for prefix, refusal in _REFUSALS.items() if service.startswith(prefix)), None)
    code, status = known or ("ThrottlingException" if json_service else "Throttling", 400)
    code, status = rule.code or code, rule.status or status
    if json_service:
        text, kind = json.dumps({"__type": code, "Message": "Rate exceeded", "message": "Rate exceeded"}), _JSON
    else:
        inner = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>Rate exceeded</Message></Error>"
        text = f'<?xml version="1.0"?><ErrorResponse>{inner}<RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>'
        kind = "text/xml"
    headers = [("Content-Type", kind), ("Content-Length", str(len(text))), ("x-amzn-RequestId", str(uuid.uuid4()))]
    start_response(f"{status} Throttled", headers)
    return [text.encode()]


def _control(environ: WSGIEnvironment, start_response: StartResponse, what: str) -> list[bytes]:
    size = int(environ.get("CONTENT_LENGTH") or 0)
    raw = environ["wsgi.input"].read(size) if size else b""
    reply: object
    try:
        query = parse_qs(environ.get("QUERY_STRING", ""))
        reply, status = _act(environ["REQUEST_METHOD"], what, json.loads(raw or b"{}"), query), "200 OK"
    except Exception as exc:  # a test's own mistake: say so
        reply, status = {"error": repr(exc)}, "400 Bad Request"
    body = reply.encode() if isinstance(reply, str) else json.dumps(reply).encode()
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def _act(method: str, what: str, body: dict[str, Any], query: dict[str, list[str]]) -> object:
    if what == "ready":
        return {"ready": True}
    if what == "calls":
        with LOCK:
            seen = dict(CALLS)
            if method == "DELETE":
                CALLS.clear()
        return seen
    if what == "cloudmap":
        CLOUDMAP.delay = float(body.get("delay", 0))
        return {"delay": CLOUDMAP.delay}
    if what == "cloudmap/fill":
        return cloudmap.fill(body["service"], int(body["count"]))
    if what == "throttle":
        with LOCK:
            if body:
                rule = Throttle(**body)
                THROTTLES[rule.target] = rule
            else:
                THROTTLES.clear()
            return sorted(THROTTLES)
    if what.startswith("streams/"):
        return streams.control(what.removeprefix("streams/"), body)
    if what == "ttl":
        return sweep_ttl()
    if what == "zone":
        return zone_text(query["name"][0])
    raise KeyError(what)
