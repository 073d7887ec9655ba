"""The request that the words of ``meshclient call`` describe."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshclient.cli.request_body import Fields

if TYPE_CHECKING:
    from collections.abc import Sequence

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
_METHOD = re.compile(r"[A-Z]+")
# What comes first decides, and of two that begin at one place the longer.
_ITEM = re.compile(r"((?:\\.|[^=:@\\])+)(:=|==|=|:|@)(.*)", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)")


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


@dataclass(frozen=True, slots=True)
class Written:
    """What the options say of the request.

    Args:
        data: the text of ``--data``.
        headers: those of ``--header``.
        form: whether fields are those of a form.
        as_json: whether JSON is sent and asked for, whatever the body looks like.
        method: that of ``--request``; empty where it is to be inferred.
    """

    data: str | None = None
    headers: Sequence[str] = ()
    form: bool = False
    as_json: bool = False
    method: str = ""


def parse_request(words: Sequence[str], data: str | None = None, options: Written | None = None) -> WrittenRequest:
    r"""Read ``[METHOD] URL [item ...]`` and what the options say.

    Items are ``key=text`` and ``key:=json`` for the fields of the body, ``key@file`` for a file of a form,
    ``key==value`` for the query, and ``Header:value``; a backslash takes the meaning from the character behind it.
    `data` is the body itself, or after ``@`` the file it is in (``-``: standard input). A body without a method is sent
    by POST. Raises click.UsageError.
    """
    told = options or Written(data)
    data = told.data if data is None else data
    method, url, *items = words if _begins_with_method(words) else ("", *words)
    if url in _METHODS:
        raise click.UsageError(f"{url} what? Write the URL behind it, such as {url} mesh://orders/")
    headers = [_header(text) for text in told.headers]
    fields, query = Fields(), []
    for item in items:
        name, sign, value = _taken_apart(item)
        if sign == ":":
            headers.append(_field(name, value))
        elif sign == "==":
            query.append((name, value))
        elif sign == ":=":
            fields.json(name, value)
        elif sign == "@":
            fields.file(name, value)
        else:
            fields.text(name, value)
    if told.form and told.as_json:
        raise click.UsageError("--form and --json both say what the body is: use one of them")
    if fields.some and data is not None:
        raise click.UsageError("key=value and --data both give the body: use one of them")
    body, kind = fields.body(form=told.form) if fields.some else _given(data, form=told.form, as_json=told.as_json)
    if told.as_json and not _has(headers, "accept"):
        headers.append(("Accept", "application/json"))
    if body is not None and not _has(headers, "content-type"):
        headers.append(("Content-Type", kind))
    return WrittenRequest(
        (told.method or method).upper() or ("GET" if body is None else "POST"),
        _with_query(url if "://" in url else f"mesh://{url}", query),
        tuple(headers),
        body,
    )


def _begins_with_method(words: Sequence[str]) -> bool:
    return len(words) > 1 and (words[0].upper() in _METHODS or bool(_METHOD.fullmatch(words[0])))


def _taken_apart(item: str) -> tuple[str, str, str]:
    found = _ITEM.fullmatch(item)
    if found is None:
        raise click.UsageError(
            f"{item!r} is neither key=value (for the JSON body) nor Header:value; there are key:=JSON, key==value (for "
            "the query) and key@FILE too"
        )
    return _ESCAPED.sub(r"\1", found[1]), found[2], found[3]


def _header(text: str) -> tuple[str, str]:
    name, sign, value = text.partition(":")
    if not sign or not name.strip():
        raise click.UsageError(f"--header {text!r}: write 'Name: value'")
    return _field(name, value)


def _field(name: str, value: str) -> tuple[str, str]:
    # RFC 9110 section 5.5: what else a field holds today means something else to each server.
    if not (name + value).isascii():
        raise click.UsageError(f"header {name.strip()}: {value.strip()!r} is not ASCII; write it percent-encoded")
    return name.strip(), value.strip()


def _has(headers: Sequence[tuple[str, str]], wanted: str) -> bool:
    return any(name.lower() == wanted for name, _ in headers)


def _with_query(url: str, query: Sequence[tuple[str, str]]) -> str:
    if not query:
        return url
    from urllib.parse import urlencode

    front, hash_, fragment = url.partition("#")
    return f"{front}{'&' if '?' in front else '?'}{urlencode(query)}{hash_}{fragment}"


def _given(data: str | None, *, form: bool, as_json: bool) -> tuple[bytes | None, str]:
    if data is None:
        return None, ""
    body = _read(data)
    if as_json or (not form and _is_json(body)):
        return body, "application/json"
    return body, "application/x-www-form-urlencoded" if form else "application/octet-stream"


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
