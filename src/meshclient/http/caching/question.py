"""A request as the cache sees it, and as the cache sends it on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from meshclient.core.caching.message import Request, combined
from meshclient.core.caching.reuse import ANSWERED
from meshclient.mesh.naming import SCHEME

if TYPE_CHECKING:
    from meshclient.core.caching.answer import Validate

# Fields of one call alone, by which no service tells callers apart; requests alike in all others wait for one response.
_NOISE = frozenset(
    {"b3", "baggage", "traceparent", "tracestate", "x-amzn-trace-id", "x-correlation-id", "x-request-id"}
)
_NOISE_OF_B3 = "x-b3-"
# What makes a request one of its own.
_OWN = frozenset(
    {
        "cache-control", "if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "pragma",
        "range",
    }
)  # fmt: skip
_SHARED_EXTENSIONS = frozenset({"mesh", "timeout"})


class Question:
    """One request.

    Args:
        request: as httpx made it, addressed to the service.
        service: its name.

    Attributes:
        key: what responses to it are kept under.
        asked: as the rules take it.
        answerable: whether its method is one that a kept response can answer.
    """

    __slots__ = ("answerable", "asked", "key", "request", "service")

    def __init__(self, request: httpx.Request, service: str) -> None:
        url = request.url
        self.request = request
        self.service = service
        self.key = key_of(service, url.scheme, request.headers.get("host", ""), url.raw_path.decode("latin-1"))
        fields = combined((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw)
        self.asked = Request(request.method, str(url), fields)
        self.answerable = request.method in ANSWERED

    @property
    def has_content(self) -> bool:
        """Whether it comes with a body, which the key says nothing of: a search by GET, say."""
        fields = self.asked.fields
        return "transfer-encoding" in fields or fields.get("content-length", "0").strip() != "0"

    @property
    def bypasses(self) -> bool:
        """Whether it is one that no cache has a part in."""
        wishes = self.asked.fields.get("cache-control", "").lower()
        # Whoever wants only what is kept is not to be sent on, whatever else it asks.
        return not self.answerable or ("no-store" in wishes and "only-if-cached" not in wishes)

    def key_of(self, url: str) -> str | None:
        """What responses to `url`, of the same origin, are kept under; None where it is none."""
        try:
            target = httpx.URL(url).raw_path.decode("latin-1")
        except httpx.InvalidURL:
            return None
        return key_of(self.service, self.request.url.scheme, self.request.headers.get("host", ""), target)

    def flight(self, varying: frozenset[str], since: int) -> tuple[object, ...] | None:
        """What requests have in common that may wait for one response; None where this one may not.

        Args:
            varying: names of the fields that kept responses to this URL vary by.
            since: the number of the latest change of this URL.
        """
        request, fields = self.request, self.asked.fields
        if (
            request.method != "GET"
            or not _OWN.isdisjoint(fields)
            or not request.extensions.keys() <= _SHARED_EXTENSIONS
            or type(request.stream) is not httpx.ByteStream
            or b"".join(request.stream)
        ):
            return None
        # Whoever a service may tell apart by a field, one of its own making perhaps, is not to get another's response.
        telling = tuple(
            sorted((name, value) for name, value in fields.items() if name in varying or not _is_noise(name))
        )
        asked = repr(request.extensions.get("mesh")), repr(request.extensions.get("timeout"))
        return (self.key, since, varying, telling, asked)

    def validating(self, question: Validate) -> httpx.Request:
        """The request that asks whether an entry still holds."""
        request = self.request
        headers = _without(request, question.drop.union(name.lower() for name, _ in question.headers))
        headers += [(name.encode("latin-1"), value.encode("latin-1")) for name, value in question.headers]
        return httpx.Request(
            request.method, request.url, headers=headers, stream=request.stream, extensions=request.extensions
        )

    def background(self, question: Validate) -> Question:
        """The same for work that nobody waits for: a plain GET, without what the caller asked of this one call."""
        request = self.request
        extensions = {name: value for name, value in request.extensions.items() if name == "timeout"}
        headers = _without(request, question.drop)
        stream = httpx.ByteStream(b"")
        return Question(
            httpx.Request("GET", request.url, headers=headers, stream=stream, extensions=extensions), self.service
        )


def key_of(service: str, scheme: str, host: str, target: str) -> str:
    """What responses are kept under: the service and the URL as it sees it, never an endpoint's address."""
    # Under mesh:// a service is asked what it is asked under http://. No host has a line feed: one with a slash in it,
    # which somebody handed on, fills no other's place.
    return f"{service} {'http' if scheme == SCHEME else scheme}://{host.lower()}\n{target}"


def _is_noise(name: str) -> bool:
    return name in _NOISE or name.startswith(_NOISE_OF_B3)


def _without(request: httpx.Request, names: frozenset[str]) -> list[tuple[bytes, bytes]]:
    return [pair for pair in request.headers.raw if pair[0].lower().decode("latin-1") not in names]
