"""``error.type`` of a failed answer: the class of the error, which `supervision.describe` puts in front of its text.

The text itself names hosts, ports and records, and must not become an attribute: each would be a series of its own.
"""

from __future__ import annotations

import re

# OpenTelemetry's semantic conventions: the value for an error that has no name of its own.
OTHER = "_OTHER"
TIMEOUT = "timeout"

_CLASS = re.compile(r"([A-Z][A-Za-z0-9_]*[a-z][A-Za-z0-9_]*)(?::|$)")
_TIMEOUT = "no answer within "


def error_type(cause: str) -> str:
    """A word for the ``Failed.cause`` of one registry.

    The name of the exception's class; ``timeout`` where no answer came in time; else ``_OTHER``.
    """
    if cause.startswith(_TIMEOUT):
        return TIMEOUT
    found = _CLASS.match(cause)
    return found[1] if found else OTHER
