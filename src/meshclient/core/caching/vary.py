"""Which of the responses stored for a URL fits a request (RFC 9111, section 4.1)."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING

from meshclient.core.caching import lists
from meshclient.core.caching.message import lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from meshclient.core.caching.message import Fields

# Names of request fields, each with its normal value, or None where the request had no such field.
Variant = tuple[tuple[str, str | None], ...]

# A response that varies by more fields than this is not stored: each is compared for each request.
MOST_FIELDS = 32
# Never kept as they are, since a store may be read by others.
_SECRET = frozenset(
    {"authorization", "cookie", "proxy-authorization", "x-amz-security-token", "x-api-key", "x-auth-token"}
)
# Of these, neither the order of the members nor their capitals mean anything (RFC 9110, section 12.5).
_UNORDERED = frozenset({"accept-charset", "accept-encoding", "accept-language"})


def nominated(headers: Fields) -> frozenset[str] | None:
    """The request fields that a response varies by; None where it fits no other request, or nobody can tell."""
    members = [member for line in lines(headers, "vary") for member in lists.members(line)]
    names = lists.names(",".join(members))
    if "*" in members or len(names) > MOST_FIELDS or len(names) < len({member.lower() for member in members}):
        return None
    return names


def variant(names: Iterable[str], fields: Mapping[str, str]) -> Variant:
    """What a request has in the fields called `names`."""
    return tuple((name, normal(name, fields[name]) if name in fields else None) for name in sorted(names))


def normal(name: str, value: str) -> str:
    """A value such that what means the same is the same.

    White space around commas goes; where neither order nor capitals matter, so do they; of a secret a digest remains.
    """
    return _digest(value) if name in _SECRET else _ordered(name, value)


def _digest(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


# A client sends the same few values with each of its requests.
@lru_cache(maxsize=128)
def _ordered(name: str, value: str) -> str:
    members = lists.members(value)
    if name in _UNORDERED:
        members = sorted("".join(member.lower().split()) for member in members)
    elif name == "accept":  # precedence is by how specific a range is, and parameters may have capitals that matter
        members.sort()
    return ", ".join(members)


def matches(stored: Variant, fields: Mapping[str, str]) -> bool:
    """Whether a request with `fields` gets what was stored for `stored`."""
    for name, wanted in stored:
        value = fields.get(name)
        if value is None:
            if wanted is not None:
                return False
        elif (value != wanted or name in _SECRET) and normal(name, value) != wanted:
            return False
    return True


def label(stored: Variant) -> str:
    """A short text that names the variant, to keep its body under."""
    return _digest(repr(stored))
