"""What a caller is told whose time was up: a problem document (RFC 9457).

Its type is "about:blank", so that its title is the status's own phrase (section 4.2.1).
"""

from __future__ import annotations

import json
from http import HTTPStatus

STATUS = HTTPStatus.GATEWAY_TIMEOUT
MEDIA_TYPE = "application/problem+json"
NOT_BEGUN = "The time that the caller gave for this request was over before it arrived here; nothing was done."
GIVEN_UP = "The time that the caller gave for this request was over before there was an answer; the work was given up."


def problem(detail: str) -> bytes:
    """The document's body."""
    return json.dumps({"title": STATUS.phrase, "status": STATUS.value, "detail": detail}).encode()
