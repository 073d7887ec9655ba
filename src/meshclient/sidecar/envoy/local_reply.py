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
    (("NR", "NC"), 404, "no_route", "the request names no service that is known here: give a service as its host"),
    (("UH",), 503, "no_endpoints", "the service has no endpoint that may be called; nothing was sent"),
    (("UO", "OM"), 503, "overloaded", "too much is under way already; nothing was sent"),
    (("UT", "SI"), 504, "deadline_exceeded", "the time for the request was up"),
    (("UF",), 503, "connect_error", "no endpoint could be reached; nothing was sent"),
    (("UPE",), 502, "protocol_error", "what the endpoint answered is not HTTP"),
    (("UC", "UR", "LR", "URX"), 502, "disconnected", "the endpoint broke off before it had answered"),
    (("DPE",), 400, "bad_request", "the request is malformed"),
)
_ANY: Document = {
    "status_code_filter": {"comparison": {"op": "GE", "value": {"default_value": 400, "runtime_key": "_"}}}
}


def local_reply() -> Document:
    """The local reply configuration of the connection manager."""
    made = [_by_flags(*kind) for kind in _KINDS]
    made.append(_mapper(_ANY, "refused", "Refused", "%RESPONSE_CODE_DETAILS%"))
    return {"mappers": made}


def _by_flags(flags: Sequence[str], status: int, word: str, detail: str) -> Document:
    made = _mapper(
        {"response_flag_filter": {"flags": list(flags)}},
        word,
        HTTPStatus(status).phrase,
        f"{detail} (%RESPONSE_CODE_DETAILS%)",
    )
    # Envoy knows better which of its refusals is a 400, a 408 or a 431.
    return made if status == HTTPStatus.BAD_REQUEST else made | {"status_code": status}


def _mapper(condition: Document, word: str, title: str, detail: str) -> Document:
    said = {"title": title, "status": "%RESPONSE_CODE%", "detail": detail, "error": word}
    return {
        "filter": condition,
        "headers_to_add": [
            {"header": {"key": "mesh-error", "value": word}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
        ],
        "body_format_override": {"json_format": said, "content_type": "application/problem+json"},
    }
