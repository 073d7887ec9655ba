"""Attributes of spans that OpenTelemetry's semantic conventions leave to who wants them ("opt-in"), by name."""

from __future__ import annotations

import re

SCHEME = "url.scheme"
SERVICE = "service.peer.name"
USER_AGENT = "user_agent.original"
# A dot and the name of the header follow.
REQUEST_HEADER = "http.request.header"

CHOICE = (SCHEME, SERVICE, USER_AGENT)
_PREFIX = f"{REQUEST_HEADER}."
# Says what there is to who wrote another.
KNOWN = f"{', '.join(CHOICE)} and {_PREFIX}<name>, in lower case"
# What opens doors is told to nobody.
SECRET = frozenset((
    "authorization", "proxy-authorization", "cookie", "x-api-key", "x-auth-token", "x-amz-security-token",
))  # fmt: skip
# RFC 9110 section 5.1, folded.
_HEADER = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")


def header_of(name: str) -> str:
    """The header that the attribute `name` tells of; empty where that is none, or a secret."""
    header = name.removeprefix(_PREFIX)
    return header if header != name and _HEADER.fullmatch(header) and header not in SECRET else ""


def is_choice(name: str) -> bool:
    """Whether a span can have the attribute `name` because somebody wants it."""
    return name in CHOICE or bool(header_of(name))
