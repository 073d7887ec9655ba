"""The body that ``key=value`` words make: a JSON object, a form, or a form with files."""

from __future__ import annotations

import json
from mimetypes import guess_type
from pathlib import Path

import click


class Fields:
    """Fields of a body, in the order in which they were written."""

    def __init__(self) -> None:
        self._fields: list[tuple[str, object]] = []
        self._files: list[tuple[str, tuple[str, bytes, str]]] = []

    @property
    def some(self) -> bool:
        """Whether there are any."""
        return bool(self._fields or self._files)

    def text(self, name: str, value: str) -> None:
        """``name=value``."""
        self._fields.append((name, value))

    def json(self, name: str, value: str) -> None:
        """``name:=value``; raises click.UsageError where that is no JSON."""
        try:
            self._fields.append((name, json.loads(value)))
        except ValueError as error:
            raise click.UsageError(
                f"{name}:={value}: {value!r} is no JSON ({error}); a text is written {name}={value}"
            ) from None

    def file(self, name: str, path: str) -> None:
        """``name@path``; raises click.UsageError where the file cannot be read."""
        try:
            content = Path(path).read_bytes()
        except OSError as error:
            raise click.UsageError(
                f"{name}@{path}: the file cannot be read: {error.strerror or error}; a text with an @ is written "
                f"{name}\\@{path}"
            ) from None
        kind = guess_type(path)[0] or "application/octet-stream"
        self._files.append((name, (Path(path).name, content, kind)))

    def body(self, *, form: bool) -> tuple[bytes, str]:
        """The body and its content type; files make a multipart form of it."""
        if self._files:
            return self._multipart()
        if form:
            from urllib.parse import urlencode

            return urlencode([(name, _plain(value)) for name, value in self._fields]).encode(), (
                "application/x-www-form-urlencoded"
            )
        return json.dumps(dict(self._fields)).encode(), "application/json"

    def _multipart(self) -> tuple[bytes, str]:
        import httpx

        data: dict[str, list[str]] = {}
        for name, value in self._fields:
            data.setdefault(name, []).append(_plain(value))
        # Read here, so that it can be sent again by another attempt.
        request = httpx.Request("POST", "http://multipart", data=data, files=self._files)
        return request.read(), request.headers["content-type"]


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
