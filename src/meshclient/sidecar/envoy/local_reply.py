"""What Envoy answers by itself: problem documents (RFC 9457), with the word for programs in ``mesh-error``.

Status and words are those of the built-in proxy (`meshclient.sidecar.proxy.problem`), not Envoy's own.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshclient.sidecar.envoy.vocabulary import Document

# By Envoy's flags of a response, of which the first that fits is taken: status, word, and what happened.
_KINDS: Sequence[tuple[Sequence[str], int, str, str]] = (
    (("NR",), 404, "no_route", "the request names no service that is known here: give a service as its host"),
    (("NC",), 503, "not_ready", "Envoy has not taken the configuration of this service; nothing was sent"),
    (("UH",), 503, "no_endpoints", "the service has no endpoint that may be called; nothing was sent"),
    (("UO", "OM"), 503, "overloaded", "too much is under way already; nothing was sent"),
    (("UT", "SI"), 504, "deadline_exceeded", "the time for the request was up"),
    (("UF",), 503, "connect_error", "no endpoint could be reached; nothing was sent"),
    (("UPE",), 502, "protocol_error", "what the endpoint answered is not HTTP"),
    (("UC", "UR", "LR", "URX"), 502, "disconnected", "the endpoint broke off before it had answered"),
)
# By Envoy's status, where it has no flag: word, and what happened. Of its own it answers 503 without one only where the
# throttle refuses (admission control).
_STATUSES: Sequence[tuple[int, str, str]] = (
    (400, "bad_request", "the request is malformed"),
    (408, "timeout", "the request did not come in time"),
    (413, "too_large", "the request is too large"),
    (431, "too_large", "the head of the request is too large"),
    (503, "circuit_open", "too many of the latest calls failed; nothing was sent"),
)
# What is refused here may be taken a moment later. Nobody computes how long that is, as for the built-in proxy.
_AGAIN = {"not_ready": "1", "overloaded": "1", "circuit_open": "1"}


def local_reply() -> Document:
    """The local reply configuration of the connection manager."""
    made = [
        _mapper({"response_flag_filter": {"flags": list(flags)}}, word, HTTPStatus(status).phrase, detail)
        | {"status_code": status}
        for flags, status, word, detail in _KINDS
    ]
    made += [_mapper(_status("EQ", code), word, HTTPStatus(code).phrase, detail) for code, word, detail in _STATUSES]
    made.append(_mapper(_status("GE", 400), "refused", "Refused", "Envoy does not pass it on"))
    return {"mappers": made}


def _status(operation: str, code: int) -> Document:
    value = {"default_value": code, "runtime_key": "_"}
    return {"status_code_filter": {"comparison": {"op": operation, "value": value}}}


def _mapper(condition: Document, word: str, title: str, detail: str) -> Document:
    detail = f"{detail} (%RESPONSE_CODE_DETAILS%)"
    headers = {"mesh-error": word} | ({"retry-after": _AGAIN[word]} if word in _AGAIN else {})
    return {
        "filter": condition,
        "headers_to_add": [
            {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
            for key, value in headers.items()
        ],
        "body_format_override": {
            "json_format": {"title": title, "status": "%RESPONSE_CODE%", "detail": detail, "error": word},
            "content_type": "application/problem+json",
        },
    }
