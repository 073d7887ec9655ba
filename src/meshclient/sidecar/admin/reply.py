"""What is answered: a document, or a problem in words (RFC 9457), under headers that keep browsers in bounds."""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

JSON = "application/json"
PROBLEM = "application/problem+json"
EVENTS = "text/event-stream"

# Answers are of the moment, are no documents to be shown in a frame, and load nothing.
NOTHING_ELSE = "default-src 'none'; frame-ancestors 'none'"
_ALWAYS = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as a whole, or the head of a stream.

    Args:
        status: of the response.
        body: of it.
        kind: its media type.
        headers: beside those that every answer has.
        policy: its Content-Security-Policy.
    """

    status: HTTPStatus
    body: bytes
    kind: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    policy: str = NOTHING_ELSE

    def head(self, *, keep: bool, length: int | None) -> bytes:
        """The bytes of its head; `length` is None for a stream, which ends with its connection."""
        fields = [("Date", formatdate(usegmt=True)), ("Content-Type", self.kind), *self.headers]
        fields += [*_ALWAYS, ("Content-Security-Policy", self.policy)]
        if length is not None:
            fields.append(("Content-Length", str(length)))
        if not keep:
            fields.append(("Connection", "close"))
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
        return f"HTTP/1.1 {self.status.value} {self.status.phrase}\r\n{lines}\r\n".encode("latin-1")


class Refused(Exception):
    """A request is not carried out.

    Args:
        status: of the answer.
        error: a word for it, in ``mesh-error``.
        detail: what is wrong and what would be right; nothing that was sent is repeated in it unchecked.
        headers: of the answer.
    """

    def __init__(self, status: HTTPStatus, error: str, detail: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.error = error
        self.detail = detail
        self.headers = headers

    def reply(self) -> Reply:
        """The problem document."""
        said = {"title": self.status.phrase, "status": self.status.value, "detail": self.detail}
        return Reply(self.status, encoded(said), PROBLEM, (("mesh-error", self.error), *self.headers))


def document(thing: str, content: Mapping[str, object], status: HTTPStatus = HTTPStatus.OK) -> Reply:
    """`content` as version 1 of `thing`."""
    return Reply(status, encoded({"schema": schema(thing), **content}))


def schema(thing: str) -> str:
    """The name of the first version of a shape; within it, members are only added."""
    return f"meshclient.{thing}/v1"


def encoded(content: object) -> bytes:
    """As JSON, with a line break for terminals."""
    return msgspec.json.encode(content, enc_hook=str) + b"\n"
