"""Sessions that stay with an endpoint as long as it is there.

The value handed out names the endpoint without telling anything about it: a keyed digest (BLAKE2b, RFC 7693, section
2.9) of its identity and of the service. Addresses do not leak, a value cannot be made up by those who do not have the
secret, and nothing has to be stored. Unlike a hash of a key it also holds when other endpoints come and go; processes
understand each other's values if they share the secret.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from meshclient.core.balance.hashing import identity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from meshclient.core.balance.node import Node
    from meshclient.model.endpoint import Endpoint

# Bytes of the digest: to guess a value of one of 2 ** 16 endpoints takes 2 ** 112 trials.
_SIZE = 16
_DIGITS = frozenset("0123456789abcdef")


class Sticky:
    """Names for the endpoints of one service.

    Args:
        secret: at least 16 bytes that others do not know.
        service: the name; a value means nothing at another service.

    Raises ValueError for a shorter secret.
    """

    __slots__ = ("_begun",)

    def __init__(self, secret: bytes, service: str) -> None:
        if len(secret) < _SIZE:
            raise ValueError(f"the secret of sticky sessions has {len(secret)} bytes: use {_SIZE} or more, at random")
        # A key of BLAKE2b has at most 64 bytes.
        self._begun = blake2b(f"{service}\0".encode(), digest_size=_SIZE, key=blake2b(secret).digest())

    def value(self, endpoint: Endpoint) -> str:
        """The endpoint's name: 32 characters that need no quoting in a cookie or header."""
        digest = self._begun.copy()
        digest.update(identity(endpoint).encode("utf-8", "surrogatepass"))
        return digest.hexdigest()

    def index(self, nodes: Iterable[Node]) -> dict[str, Node]:
        """The nodes by their names; O(nodes), once for each new list."""
        return {self.value(node.endpoint): node for node in nodes}


def stuck_to(value: str, index: Mapping[str, Node], usable: Callable[[Node], bool]) -> Node | None:
    """The node that `value` names, or None: the value is garbage, the endpoint is gone or not `usable`. O(1)."""
    if len(value) != 2 * _SIZE or not _DIGITS.issuperset(value):
        return None
    node = index.get(value)
    return node if node is not None and usable(node) else None
