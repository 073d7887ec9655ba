"""The request that the words of ``meshclient call`` describe."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
_METHOD = re.compile(r"[A-Z]+")
_ITEM = re.compile(r"([^=:]+)([=:])(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class WrittenRequest:
    """A request as it was written.

    Args:
        method: in capitals.
        url: complete; ``mesh://`` stands in front where the writer gave no scheme.
        headers: in the order they were given.
        body: None where there is none.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None


def parse_request(words: Sequence[str], data: str | None) -> WrittenRequest:
    """Read ``[METHOD] URL [key=value ...] [Header:value ...]`` and the text of ``--data``.

    The pairs make a JSON object of texts. `data` is the body itself, or after ``@`` the file it is in (``-``: standard
    input). A body without a method is sent by POST. Raises click.UsageError.
    """
    method, url, *items = words if _begins_with_method(words) else ("", *words)
    headers: list[tuple[str, str]] = []
    fields: dict[str, str] = {}
    for item in items:
        found = _ITEM.fullmatch(item)
        if found is None:
            raise click.UsageError(f"{item!r} is neither key=value (for the JSON body) nor Header:value")
        if found[2] == "=":
            fields[found[1]] = found[3]
        else:
            headers.append((found[1].strip(), found[3].strip()))
    if fields and data is not None:
        raise click.UsageError("key=value and --data both give the body: use one of them")
    body = json.dumps(fields).encode() if fields else None if data is None else _read(data)
    if body is not None and not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "application/json" if _is_json(body) else "application/octet-stream"))
    return WrittenRequest(
        method.upper() or ("GET" if body is None else "POST"),
        url if "://" in url else f"mesh://{url}",
        tuple(headers),
        body,
    )


def _begins_with_method(words: Sequence[str]) -> bool:
    return len(words) > 1 and (words[0].upper() in _METHODS or bool(_METHOD.fullmatch(words[0])))


def _read(data: str) -> bytes:
    if not data.startswith("@"):
        return data.encode()
    if data == "@-":
        return sys.stdin.buffer.read()
    try:
        return Path(data[1:]).read_bytes()
    except OSError as exc:
        raise click.UsageError(f"--data {data}: the file cannot be read: {exc.strerror or exc}") from None


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True
