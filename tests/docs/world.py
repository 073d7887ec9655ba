"""The world in which the pages are true: the servers that they speak of, at the ports that the kernel gave.

A page says ``127.0.0.1:8500``; what is run has the address of this session's Consul in its place, and what that prints
is told with the page's address again. Ports that nobody serves are free ones, for servers that a page starts itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from servers.ports import free_port

# Ports that pages start something at.
OWN_PORTS = ("7140", "7143", "7190", "8000", "8001", "8002", "8003", "8004", "8009", "9000", "9001")


REGISTRIES = {"127.0.0.1:8500", "127.0.0.1:2379", "127.0.0.1:5000"}


@dataclass(frozen=True, slots=True)
class World:
    """What stands for what on one page.

    Args:
        real: the address that runs, by the one that the page has.
    """

    real: Mapping[str, str] = field(default_factory=dict)

    def inward(self, text: str) -> str:
        """`text` of a page as it is run."""
        return _replaced(text, self.real)

    def outward(self, text: str) -> str:
        """What was printed as the page has it."""
        return _replaced(text, {real: told for told, real in self.real.items()})


def world(text: str, servers: Mapping[str, Callable[[], str]]) -> World:
    """The world of a page with this `text`; of `servers`, by address, those are started that it names."""
    needed = {address for address in servers if _pattern([address]).search(text)}
    if needed & REGISTRIES:
        needed |= {address for address in servers if address.startswith("10.")}
    real = {address: servers[address]() for address in servers if address in needed}
    own = [port for port in OWN_PORTS if _pattern([port]).search(_pattern(real).sub("", text))]
    # Lists are sorted by port: what is sorted on the page has to be so in the world.
    return World(real | dict(zip(own, sorted((str(free_port()) for _ in own), key=int), strict=True)))


def _replaced(text: str, words: Mapping[str, str]) -> str:
    return _pattern(words).sub(lambda found: words[found[0]], text)


def _pattern(words: Iterable[str]) -> re.Pattern[str]:
    # The longest first: an address before its port alone. A port is no part of a longer number.
    ordered = sorted(words, key=len, reverse=True)
    return re.compile(r"(?<![\w.])(?:" + "|".join(map(re.escape, ordered)) + r")(?![\w])" if ordered else r"(?!)")
