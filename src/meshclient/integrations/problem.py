"""What a caller is told whose request was not served: a problem document (RFC 9457).

Its type is "about:blank", so that its title is the status's own phrase (section 4.2.1). Nothing of the request is
repeated in it.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from math import ceil

from meshclient.integrations.reply import Reply

MEDIA_TYPE = "application/problem+json"


def problem(status: HTTPStatus, detail: str, retry_after: float | None = None) -> Reply:
    """The document; `retry_after` in seconds, told as whole ones (RFC 9110, section 10.2.3)."""
    body = json.dumps({"title": status.phrase, "status": status.value, "detail": detail}).encode()
    told = () if retry_after is None else (("Retry-After", str(max(1, ceil(retry_after)))),)
    return Reply(status, body, (("Content-Type", MEDIA_TYPE), *told))


NOT_BEGUN = problem(
    HTTPStatus.GATEWAY_TIMEOUT,
    "The time that the caller gave for this request was over before it arrived here; nothing was done.",
)
GIVEN_UP = problem(
    HTTPStatus.GATEWAY_TIMEOUT,
    "The time that the caller gave for this request was over before there was an answer; the work was given up.",
)
