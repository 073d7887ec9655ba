"""The resolver SPI: all a plugin author needs to read.

A resolver is written once, as an asynchronous stream of answers, and runs on meshclient's own discovery loop: it never
sees the caller's event loop, needs no lock, and does not retry. An exception out of `watch` or `fetch` means "cannot
tell": the runtime keeps the last good list, says so, and starts the watch again after a jittered back-off.

    class FooResolver(PollingResolver):
        def __init__(self, uri: ResolverUri) -> None:
            super().__init__(source=str(uri), interval=uri.duration("interval", 10.0))

        async def fetch(self, name: ServiceName) -> Ready | Empty:
            return listing([Endpoint("10.0.0.1", 8080)], source=self.source)

It is found through an entry point in the group ``meshclient.resolvers`` whose name is the URI scheme and whose value is
a callable taking a `ResolverUri`:

    [project.entry-points."meshclient.resolvers"]
    foo = "meshclient_foo:FooResolver"
"""

from __future__ import annotations

import asyncio
import math
import random
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qsl, urlencode

from meshclient.discovery.runtime.blocking import off_loop as off_loop  # noqa: PLC0414 - part of the SPI
from meshclient.errors import ConfigError
from meshclient.model.duration import parse_duration

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from meshclient.model.service import ServiceName
    from meshclient.model.snapshot import Empty, Failed, Ready

# Polls of many processes must not march in step: each interval is spread by this share either way.
JITTER = 0.1
# Seconds; an answer that claims a TTL of 0 would be asked for again without a pause.
TTL_FLOOR = 1.0
# RFC 3986, appendix B. urlsplit does not do: it refuses brackets behind the first host of a list.
_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#\s]*)((?:/[^?#]*)?)(?:\?([^#]*))?")
# Options whose name holds one of these are shown to nobody.
SECRETS = ("token", "password", "secret")


class Chance(Protocol):
    """Randomness: a `random.Random`, or the module `random` itself, which is seeded anew in a forked child."""

    def random(self) -> float:
        """Uniform in [0, 1)."""
        ...

    def uniform(self, a: float, b: float) -> float:
        """Uniform between `a` and `b`."""
        ...


class Resolver(Protocol):
    """Turns a name into a stream of answers.

    A resolver may have one more method, ``refresh(self, name: ServiceName) -> None``: calls to an endpoint of `name`
    fail here, so look again soon, where there is something to gain by it. It is called on the loop of the watch, once
    that has begun, and at most once a second by each mesh; several may use one registry, so that a resolver whose
    questions cost something has a limit of its own. It must return at once. What it raises is logged. On demand a new
    watch is begun for the hint, whose first answer is taken.

    What a registry has and the answer does not list, such as instances whose health is critical, may be told with it
    (``listing(..., left_out=[LeftOut(...)])``); ``meshclient resolve --all`` shows it.

    And one more, ``async def names(self) -> Collection[str]``: every service that is listed now, where one question
    tells. It is for people, to whom a misspelt name is suggested or completed, and for comparing registries; no call
    waits for it. It runs on a loop of its own, keeps nothing, and may raise anything to say "cannot tell".

    Attributes:
        source: which registry is asked, as a URI without secrets; shown to people.
    """

    source: str

    def watch(self, name: ServiceName) -> AsyncIterator[Ready | Empty | Failed]:
        """Yield the current answer, then a new one each time it changes or is confirmed.

        To say "still the same, confirmed now", yield the same answer again: its age begins anew and nobody is told
        of a change. A registry that tells of changes only has more to go by than their absence: a heartbeat, a
        bookmark or an answer to a progress request of its stream, or a question that found nothing new. Every few
        seconds is enough; where nothing but silence came, yield nothing, since a dead connection is silent too.

        Called on the discovery loop, once for each name; sockets and clients are acquired inside and released when
        the iterator is closed, because after a fork or a failure a fresh call starts on another loop. Raise anything
        to say "cannot tell": the watch is started again after a back-off. Yield ``Failed(cause)`` to say "cannot tell
        for now, still watching"; its `last` and `at` are filled in by the runtime.
        """
        ...


class PollingResolver(ABC):
    """A resolver that asks again and again.

    Args:
        source: which registry is asked, as a URI without secrets.
        interval: seconds, above 0, between two questions where the answer carries no `ttl` of its own. A `ttl` below
            one second counts as one.
        rng: source of the jitter (10 % either way).

    Raises ConfigError for an interval of 0.
    """

    def __init__(self, *, source: str, interval: float, rng: random.Random | None = None) -> None:
        if not interval > 0:
            msg = f"{source}: the interval between two polls must be above 0 seconds"
            raise ConfigError(msg)
        self.source = source
        self.interval = interval
        # The module's own generator is seeded anew in a forked child (a copy of ours would march in step).
        self._uniform = rng.uniform if rng else random.uniform

    @abstractmethod
    async def fetch(self, name: ServiceName) -> Ready | Empty:
        """Ask the registry once. Raise anything to say "cannot tell"."""

    async def watch(self, name: ServiceName) -> AsyncIterator[Ready | Empty]:
        """Yield the answer of each `fetch`."""
        while True:
            answer = await self.fetch(name)
            yield answer
            pause = self.interval if answer.ttl is None else max(answer.ttl, TTL_FLOOR)
            await asyncio.sleep(pause * self._uniform(1 - JITTER, 1 + JITTER))


@dataclass(frozen=True, slots=True)
class ResolverUri:
    """A parsed ``scheme://authority/path?option=value``.

    Resolvers take their options through `text`, `number`, `flag` and `duration`, then call `finish`, so that a
    misspelt option is an error and not silence. Values of options whose name speaks of a token, password or secret are
    left out of `str()` and `repr()`.
    """

    scheme: str
    authority: str = ""
    path: str = ""
    options: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    _seen: set[str] = field(default_factory=set, compare=False, repr=False)

    @classmethod
    def parse(cls, text: str) -> ResolverUri:
        """The parts of `text`; a scheme alone is short for ``scheme://``. Raises ConfigError where it is not a URI."""
        stripped = text.strip()
        parts = _URI.fullmatch(stripped if "://" in stripped else f"{stripped}://")
        if parts is None:
            shown = stripped.partition("?")[0].rpartition("@")[2]
            if "#" in stripped:
                msg = f"{shown!r}: '#' has no meaning in the URI of a resolver; as part of a value, write it %23"
                raise ConfigError(msg)
            msg = (
                f"{shown!r} is not a resolver: write scheme://address, such as consul://127.0.0.1:8500 or dns://, "
                "and white space on both sides of | and +"
            )
            raise ConfigError(msg)
        pairs = parse_qsl(parts[4] or "", keep_blank_values=True)
        uri = cls(parts[1].lower(), parts[2], parts[3], MappingProxyType(dict(pairs)))
        names = [name for name, _ in pairs]
        if len(uri.options) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            msg = f"{uri} names the option {twice!r} twice"
            raise ConfigError(msg)
        return uri

    def text(self, option: str, default: str = "") -> str:
        """The option's value, or `default`."""
        self._seen.add(option)
        return self.options.get(option, default)

    def number(self, option: str, default: float) -> float:
        """The option as a finite number. Raises ConfigError where it is none."""
        return self._converted(option, default, _finite)

    def duration(self, option: str, default: float) -> float:
        """The option as seconds (``30``, ``"250ms"``). Raises ConfigError where it is none."""
        return self._converted(option, default, parse_duration)

    def flag(self, option: str, *, default: bool = False) -> bool:
        """The option as a switch: on/off, true/false, yes/no, 1/0, or present without a value."""
        words = {"": True, "on": True, "true": True, "yes": True, "1": True}
        words |= {"off": False, "false": False, "no": False, "0": False}
        value = self.text(option, "on" if default else "off").lower()
        if value not in words:
            msg = f"{option}={value!r} in {self} is not a switch: write on or off"
            raise ConfigError(msg)
        return words[value]

    def finish(self) -> None:
        """Raise ConfigError, with a suggestion, for options that nobody has asked for."""
        for option in self.options:
            if option not in self._seen:
                close = get_close_matches(option, self._seen, 1)
                known = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(self._seen)) or 'none'}"
                msg = f"{self.scheme}:// has no option {option!r}; {known}"
                raise ConfigError(msg)

    def _converted(self, option: str, default: float, convert: Callable[[str], float]) -> float:
        value = self.text(option)
        if not value:
            return default
        try:
            return convert(value)
        except ValueError as exc:
            msg = f"{option}={value!r} in {self}: {exc}"
            raise ConfigError(msg) from None

    def __str__(self) -> str:
        shown = {k: v for k, v in self.options.items() if not any(word in k.lower() for word in SECRETS)}
        host = self.authority.rpartition("@")[2]
        return f"{self.scheme}://{host}{self.path}" + (f"?{urlencode(shown, safe=':,/')}" if shown else "")

    def __repr__(self) -> str:
        return f"ResolverUri({str(self)!r})"


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        msg = "not a finite number"
        raise ValueError(msg)
    return number
