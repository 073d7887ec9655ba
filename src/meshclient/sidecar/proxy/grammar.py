r"""The grammar of RFC 9110 and 9112 as far as a proxy stands on it, once for requests and responses.

Every head is matched as a whole before anything of it is forwarded. llhttp is lenient in places where the next reader
is lenient in another way, and what two readers may understand differently is how requests are smuggled (RFC 9112
section 11.2). Blocks of fields have the form ``\r\nName: value`` for each line, without an end: so that the beginning
of a line is two bytes which can stand nowhere else.
"""

from __future__ import annotations

import re

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
# RFC 9110 section 5.5, obs-text included; no line folding (RFC 9112 section 5.2).
_VALUE = rb"[\t -~\x80-\xff]"
# One line of a head.
FIELD = re.compile(TOKEN + rb"++:" + _VALUE + rb"*+").fullmatch
# Possessive: a block of many lines is tried once.
FIELDS = rb"((?:\r\n" + TOKEN + rb"++:" + _VALUE + rb"*+)*+)"
# RFC 9112 section 2.2: a bare LF or CR, and NUL, in what has come so far; a CR at its end may find its LF yet.
BARE = re.compile(rb"(?<!\r)\n|\r(?!\n|\Z)|\0").search
# RFC 9110 section 7.2 and RFC 3986 section 3.2, without user information.
HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~!$&'()*+;=%]*)(?::[0-9]{0,5})?").fullmatch
LENGTH = re.compile(rb"[0-9]{1,18}").fullmatch
# RFC 9112 section 3.2.2; other schemes are nothing that a proxy on plain HTTP could speak.
ABSOLUTE = re.compile(rb"http://([^/?#]*)(.*)", re.IGNORECASE).fullmatch
# A chunk's first line (RFC 9112 section 7.1). No white space around the size: readers differ on it.
CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})(?:;" + _VALUE + rb"*+)?\r\n").match
# RFC 9112 section 4; the engine's reader leaves it as it is.
REASON = re.compile(_VALUE + rb"*").fullmatch


def options(values: list[bytes]) -> set[bytes]:
    """The members of a list of tokens, such as Connection, in lower case."""
    return {part for value in values for each in value.split(b",") if (part := each.strip(b" \t").lower())}


def without(block: bytes, names: set[bytes]) -> bytes:
    """The block of fields without those of these names, which are in lower case."""
    lines = block.split(b"\r\n")[1:]
    return b"".join([b"\r\n" + line for line in lines if line.partition(b":")[0].lower() not in names])
