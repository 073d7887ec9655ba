"""What is asked of a client, and what the right answer is; both the backend and the measured process read it here."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

JSON = "application/json"
NUMBER = 12345
SMALL = {"id": NUMBER, "name": "widget", "tags": ["a", "b", "c"], "price": 12.5, "stock": 42, "desc": "x" * 17}
# As services write it: without spaces. 100 bytes.
SMALL_TEXT = json.dumps(SMALL, separators=(",", ":")).encode()
_LINE = {"sku": "AB-1234567", "title": "a thing of some kind", "count": 3, "price": 12.5, "tags": ["new", "blue"]}
LARGE: dict[str, object] = {"id": NUMBER, "lines": [{**_LINE, "position": position} for position in range(92)]}
LARGE_TEXT = json.dumps(LARGE, separators=(",", ":")).encode()
MEGABYTE = bytes(range(256)) * 4096

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Workload:
    """One kind of request.

    Args:
        path: on the backend.
        answer: the body that comes back.
        says: for the heading.
        body: sent as JSON with a number of its own, in the query and in a header too; None for a GET.
        secure: over TLS.
    """

    path: str
    answer: bytes
    says: str
    body: dict[str, object] | None = None
    secure: bool = False

    def numbered(self) -> tuple[int, dict[str, object], dict[str, str]]:
        """A number, a JSON body and headers as they were never sent before."""
        number = next(_numbers)
        assert self.body is not None
        return number, {**self.body, "id": number}, {"x-request-id": f"r-{number}"}

    def unique(self) -> tuple[str, dict[str, object], dict[str, str]]:
        """The same with a path that nobody asked for before instead of the number."""
        number, body, headers = self.numbered()
        return f"{self.path}?user={number}&page=2", body, headers

    def check(self, status: int, answer: object) -> None:
        """Raise ValueError for an answer that is not the right one: bytes, decoded JSON, or an object made of it."""
        if not isinstance(answer, bytes):
            import msgspec

            answer = msgspec.json.encode(answer)
        if status != 200 or answer != self.answer:
            msg = f"{self.says}: status {status} and {answer[:120]!r}, which is not the answer"
            raise ValueError(msg)


def right_for(sample: object) -> Callable[[int, Any], bool]:
    """Whether answers like `sample` are right, as far as can be told without paying for it on every call."""
    if isinstance(sample, bytes):
        size = len(sample)
        return lambda status, answer: status == 200 and len(answer) == size
    if isinstance(sample, dict):
        return lambda status, answer: status == 200 and answer["id"] == NUMBER
    return lambda status, answer: status == 200 and answer.id == NUMBER


WORKLOADS = {
    "get": Workload("/g", SMALL_TEXT, "GET, 100 bytes"),
    "json": Workload("/s", SMALL_TEXT, "POST, unique URL and header, small JSON both ways", {"tags": ["a", "b"]}),
    "post": Workload("/l", LARGE_TEXT, "POST, unique URL and header, 10 KB of JSON both ways", LARGE),
    "download": Workload("/d", MEGABYTE, "GET, 1 MB"),
    "tls": Workload("/g", SMALL_TEXT, "GET, 100 bytes, TLS 1.3", secure=True),
}
