"""The header lines of plain calls: the client's own, made once, and those that a call brings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeAlias

import httpx

from meshclient.http.ambient import ATTEMPT_HEADER, TIMEOUT_HEADER
from meshclient.http.plain.place import REMEMBERED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from httpx._types import HeaderTypes

# The lines but Host, the line of a Host header that replaces ours, whether there is a Content-Type, and all in httpx's
# order where there is such a line.
Fields: TypeAlias = tuple[bytes, bytes, bool, "list[tuple[bytes, bytes]]"]

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
# What both httpx's writer (h11) and ours let through: no control characters, and no white space at the ends.
_SOUND = rb"(?:[\x21-\x7e\x80-\xff]+(?:[\t ]+[\x21-\x7e\x80-\xff]+)*)?"
_VALUE = re.compile(_SOUND).fullmatch
# Several, a line each.
_VALUES = re.compile(rb"%b(?:\n%b)*" % (_SOUND, _SOUND)).fullmatch
# They decide how a body is framed, make another kind of exchange of it, or are the mesh's own, of which there is one.
_ODD = frozenset((
    b"content-length", b"expect", b"te", b"trailer", b"transfer-encoding", b"upgrade",
    TIMEOUT_HEADER.encode(), ATTEMPT_HEADER.encode(),
))  # fmt: skip

# Of header names, as given and in lower case.
_UNKNOWN = b"", b""
_REFUSED = b"", b"-"


class ClientFields:
    """A client's headers, to which calls add theirs.

    Args:
        own: the client's, each as given, in lower case, and its value.

    Attributes:
        fields: those of a call that adds none; None where httpx has to look at them.
    """

    def __init__(self, own: Sequence[tuple[bytes, bytes, bytes]]) -> None:
        self._own = own
        self._names = frozenset(name for _, name, _ in own)
        self._known: dict[object, tuple[bytes, bytes]] = {}
        self._without: dict[frozenset[bytes], Fields] = {}
        self._shapes: dict[tuple[object, ...], tuple[bytes, bool]] = {}
        hosts = sum(name == b"host" for _, name, _ in own)
        fit = hosts < 2 and all(_TOKEN(raw) and _VALUE(value) and name not in _ODD for raw, name, value in own)
        self.fields = _made([(raw, value) for raw, _, value in own]) if fit else None

    def joined(self, headers: HeaderTypes) -> Fields | None:
        """The client's with a call's own, which replace those of the same name; None where httpx has to look at them.

        Nothing that can be read only once is read.
        """
        if type(headers) is dict:
            # Most calls bring the names that others brought before.
            shape = self._shapes.get(tuple(headers))
            if shape is not None and (fields := _filled(*shape, headers)) is not None:
                return fields
        given, own = _given(headers), self.fields
        if given is None or own is None:
            return None
        extra: list[tuple[bytes, bytes]] = []
        names: set[bytes] = set()
        for field in given:
            if type(field) is not tuple:
                return None
            name, value = field
            known = self._known.get(name, _UNKNOWN)
            if known is _UNKNOWN:
                known = self._learn(name)
            if type(value) is str:
                value = value.encode("ascii")
            raw, lower = known
            if not raw or type(value) is not bytes or not _VALUE(value) or (lower == b"host" and lower in names):
                return None
            names.add(lower)
            extra.append((raw, value))
        lines, host, typed, order = own if names.isdisjoint(self._names) else self._rest(names)
        order = order + extra
        if b"host" in names:
            return _made(order)
        typed = typed or b"content-type" in names
        if extra and not host and type(headers) is dict:
            self._shape(headers, lines, [raw for raw, _ in extra], typed=typed)
        for field in extra:
            lines += b"%b: %b\r\n" % field
        return lines, host, typed, order

    def _shape(self, headers: Iterable[object], lines: bytes, names: list[bytes], *, typed: bool) -> None:
        """Remember what calls with these `headers` have in common: all `lines`, and those with `names` but the values.

        `headers` are the same names as given.
        """
        if len(self._shapes) >= REMEMBERED:
            self._shapes.clear()
        blanks = b"".join([b"%b: %%b\r\n" % name.replace(b"%", b"%%") for name in names])
        self._shapes[tuple(headers)] = lines.replace(b"%", b"%%") + blanks, typed

    def _rest(self, replaced: set[bytes]) -> Fields:
        """The client's own without these."""
        common = self._names & replaced
        fields = self._without.get(common)
        if fields is None:
            if len(self._without) >= REMEMBERED:
                self._without.clear()
            rest = [(raw, value) for raw, name, value in self._own if name not in common]
            fields = self._without[common] = _made(rest)
        return fields

    def _learn(self, name: object) -> tuple[bytes, bytes]:
        raw = name.encode("ascii") if type(name) is str else name
        known = _REFUSED
        if type(raw) is bytes and usual_name(raw):
            known = raw, raw.lower()
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[name] = known
        return known


def usual_name(raw: bytes) -> bool:
    """Whether it is a header name, and one that decides nothing."""
    return _TOKEN(raw) is not None and raw.lower() not in _ODD


def usual_value(value: bytes) -> bool:
    """Whether it is a header value that every writer writes as it is."""
    return _VALUE(value) is not None


def fields_of(lines: bytes) -> list[tuple[bytes, bytes]]:
    """Header lines taken apart again; white space around a value is no part of it (RFC 9112, section 5)."""
    pairs = (line.partition(b":") for line in lines.split(b"\r\n")[:-1])
    return [(name, value.strip(b" \t")) for name, _, value in pairs]


def _filled(template: bytes, typed: bool, headers: Mapping[Any, Any]) -> Fields | None:  # noqa: FBT001
    """Fields whose names are known; None where not all values are usual text."""
    try:
        values = "\n".join(headers.values()).encode("ascii")
    except TypeError:
        return None
    each = values.split(b"\n")
    return (template % tuple(each), b"", typed, []) if len(each) == len(headers) and _VALUES(values) else None


def _given(headers: object) -> Iterable[object] | None:
    if type(headers) is dict:
        return headers.items()
    if type(headers) is list or type(headers) is tuple:
        return headers
    return headers.raw if type(headers) is httpx.Headers else None


def _made(order: list[tuple[bytes, bytes]]) -> Fields:
    lines = b"".join([b"%b: %b\r\n" % field for field in order if field[0].lower() != b"host"])
    host = b"".join([b"%b: %b\r\n" % field for field in order if field[0].lower() == b"host"])
    return lines, host, any(name.lower() == b"content-type" for name, _ in order), order
