"""Several registries as one: ``a | b`` asks in order, ``a + b`` adds up.

How the parts' latest answers make one is decided by pure functions. The runtime follows the `leaves` of a composition
itself and puts their answers together with `joined`, since each has a course of its own: a list on disk, and removals
that are held (ADR 14). A composition is a resolver as well, for where nothing of that is wanted.
"""

from __future__ import annotations

import random
import time
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from meshclient.discovery.hint import hint
from meshclient.discovery.supervision import supervise_all
from meshclient.model.snapshot import Empty, Failed, Ready, listing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from meshclient.discovery.resolver import Resolver
    from meshclient.model.service import ServiceName

    Answer = Ready | Empty | Failed


class Word(NamedTuple):
    """What is known from one part.

    Attributes:
        answer: its own, or what its own parts make.
        stored: whether the list in it was read from disk, and so is a last resort.
    """

    answer: Answer
    stored: bool = False


class Composition:
    """What ``|`` and ``+`` have in common.

    Args:
        parts: in the order of the text.
        symbol: what stands between them.

    Attributes:
        source: the text, without secrets.
    """

    def __init__(self, parts: Sequence[Resolver], symbol: str) -> None:
        self.source = f" {symbol} ".join(part.source for part in parts)
        self.parts = tuple(parts)

    def join(self, words: Sequence[Word | None]) -> Word | None:
        """One word made of those of the parts (None: has not spoken yet), or None while that is too early."""
        raise NotImplementedError

    def refresh(self, name: ServiceName) -> None:
        """Pass the hint on to every part."""
        for part in self.parts:
            hint(part, name)

    async def watch(self, name: ServiceName) -> AsyncIterator[Answer]:
        """Yield the combined answer each time a part has a new one."""
        words: list[Word | None] = [None] * len(self.parts)
        answers = supervise_all(self.parts, name, time.monotonic, random)
        try:
            async for number, answer in answers:
                words[number] = Word(answer)
                if (word := self.join(words)) is not None:
                    yield word.answer
        finally:
            await answers.aclose()


class FirstAnswering(Composition):
    """``a | b``: the first part that knows the service; a later one while the earlier cannot tell."""

    def __init__(self, parts: Sequence[Resolver]) -> None:
        super().__init__(parts, "|")

    def join(self, words: Sequence[Word | None]) -> Word | None:
        """A list from disk, of whichever part, serves where no part has one of its own."""
        own: list[Answer | None] = []
        stored: Ready | Empty | None = None
        for word in words:
            answer = word and word.answer
            if word is not None and word.stored and isinstance(answer, Failed):
                stored = stored or answer.last
                answer = replace(answer, last=None)
            own.append(answer)
        first = first_answer(own, self.source)
        if isinstance(first, Failed) and first.last is None and stored is not None:
            return Word(replace(first, last=stored), stored=True)
        return None if first is None else Word(first)


class Union(Composition):
    """``a + b``: all endpoints of all parts; a part that fails keeps its last good ones in."""

    def __init__(self, parts: Sequence[Resolver]) -> None:
        super().__init__(parts, "+")

    def join(self, words: Sequence[Word | None]) -> Word | None:
        """Lists from disk count as others do; the whole is from disk where all its lists are."""
        answer = union_answer([word and word.answer for word in words], self.source)
        lists = [word for word in words if word is not None and word.answer.endpoints]
        stored = bool(lists) and all(word.stored for word in lists)
        return None if answer is None else Word(answer, stored)


def leaves(resolver: Resolver) -> tuple[Resolver, ...]:
    """The resolvers of which `resolver` is composed, from left to right; itself where it is none of ours."""
    if isinstance(resolver, Composition):
        return tuple(leaf for part in resolver.parts for leaf in leaves(part))
    return (resolver,)


def joined(resolver: Resolver, words: Iterator[Word | None]) -> Word | None:
    """The word of `resolver`, made of those of its `leaves`."""
    if isinstance(resolver, Composition):
        return resolver.join([joined(part, words) for part in resolver.parts])
    return next(words)


def first_answer(latest: Sequence[Answer | None], source: str) -> Answer | None:
    """The answer of the first part that has one; None while an earlier part has not spoken yet.

    "I know no such service" passes the question on, and so does an outage before the first answer. An outage after it
    does not: a list that was good, even an empty one, is better than a second opinion from elsewhere.
    """
    troubles = []
    for answer in latest:
        if answer is None:
            return None
        if isinstance(answer, Ready) or (isinstance(answer, Empty) and answer.exists):
            return answer
        if isinstance(answer, Failed):
            if isinstance(answer.last, Ready) or (isinstance(answer.last, Empty) and answer.last.exists):
                return answer
            troubles.append(answer)
    if troubles:
        return _failed(troubles, source)
    return Empty(exists=False, source=source, at=min((answer.at for answer in latest if answer), default=0.0))


def union_answer(latest: Sequence[Answer | None], source: str) -> Answer | None:
    """All endpoints known to any part; None until every part has spoken. An outage of one part shows as Failed."""
    spoken = [answer for answer in latest if answer is not None]
    if len(spoken) < len(latest):
        return None
    known = any(answer.exists for answer in spoken if isinstance(answer, Empty))
    ttls = [answer.ttl for answer in spoken if not isinstance(answer, Failed) and answer.ttl is not None]
    whole = listing(
        (endpoint for answer in spoken for endpoint in answer.endpoints),
        source=source,
        exists=known,
        ttl=min(ttls, default=None),
        left_out=(each for answer in spoken if not isinstance(answer, Failed) for each in answer.left_out),
    )
    # As old as the oldest part of it.
    good = [answer.last if isinstance(answer, Failed) else answer for answer in spoken]
    lists = [part.at for part in good if isinstance(part, Ready)]
    whole = replace(whole, at=min(lists or [part.at for part in good if part is not None], default=0.0))
    troubles = [answer for answer in spoken if isinstance(answer, Failed)]
    return _failed(troubles, source, whole if isinstance(whole, Ready) else None) if troubles else whole


def _failed(troubles: Sequence[Failed], source: str, last: Ready | None = None) -> Failed:
    causes = "; ".join(f"{trouble.source}: {trouble.cause}" for trouble in troubles)
    return Failed(causes, source=source, last=last, at=min(trouble.at for trouble in troubles))
