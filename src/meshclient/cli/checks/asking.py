"""What the categories ``registry`` and ``names`` decide on: each registry asked once for each service.

The resolvers are those of the configuration, watched on a loop of our own until their first answer; nothing restarts
them, so that what they raise is seen as it is.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient.cli.checks.plugged import open_one
from meshclient.cli.checks.registry import Asked, Heard, Trouble
from meshclient.discovery.catalogue import names_of
from meshclient.discovery.composition import first_answer, union_answer
from meshclient.discovery.expression import Choice, Migration, parse, uris
from meshclient.discovery.resolver import ResolverUri
from meshclient.discovery.soundness import sound
from meshclient.discovery.supervision import describe
from meshclient.model.duration import format_duration
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Failed, Pending

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from meshclient.discovery.expression import Expression
    from meshclient.discovery.resolver import Resolver
    from meshclient.model.snapshot import Empty, Ready, Snapshot

    Answer = Ready | Empty | Failed

# Asked for where nobody names a service: whether a registry answers at all does not depend on the name.
PROBE = ServiceName("meshclient-check")
# Most questions under way.
_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Answers:
    """What registries said.

    Args:
        asked: each registry, from left to right.
        lists: what all together say of each service.
    """

    asked: tuple[Asked, ...]
    lists: dict[str, Snapshot]


async def ask(text: str, names: Sequence[str], limit: float) -> Answers:
    """Ask every registry in the resolver `text` for every one of `names`, or for none of them in particular."""
    expression = parse(text)
    resolvers = [open_one(uri) for uri in uris(expression)]
    turns = asyncio.Semaphore(_AT_ONCE)

    async def one(resolver: Resolver, name: str) -> Heard:
        async with turns:
            return await _heard(resolver, ServiceName(name) if name else PROBE, limit)

    questions = [[one(resolver, name) for name in names or [""]] for resolver in resolvers]
    heard = await asyncio.gather(*(asyncio.gather(*row) for row in questions))
    asked = tuple(
        Asked(resolver.source, dict(zip(names or [""], row, strict=True)))
        for resolver, row in zip(resolvers, heard, strict=True)
    )
    lists: dict[str, Snapshot] = {}
    for name in names:
        answer = _together(expression, iter([_answer(each, each.heard[name]) for each in asked]))
        lists[name] = answer or Pending(source=text.partition("://")[0])
    return Answers(asked, lists)


async def names_at(text: str, limit: float) -> list[str]:
    """The services that registries list, as far as they can tell in time."""
    found: set[str] = set()
    for uri in _answering(parse(text)):
        # What is wrong with a registry shows where it is asked for services.
        with suppress(Exception):
            async with asyncio.timeout(limit):
                found |= await names_of(uri) or frozenset()
    return sorted(found)


def _answering(expression: Expression) -> Iterator[ResolverUri]:
    """Whose services calls may go to: of a migration, only where it comes from."""
    if isinstance(expression, ResolverUri):
        yield expression
    elif isinstance(expression, Migration):
        yield from _answering(expression.serving)
    else:
        for part in expression.parts:
            yield from _answering(part)


async def _heard(resolver: Resolver, name: ServiceName, limit: float) -> Heard:
    began = time.monotonic()
    answers = None
    with _complaints(name) as omitted:
        try:
            async with asyncio.timeout(limit):
                answers = resolver.watch(name)
                first = sound(await anext(aiter(answers)))
        except TimeoutError as exc:
            # Its own limit, or ours.
            cause = describe(exc) if str(exc) else f"no answer for service '{name}' within {format_duration(limit)}"
            return Heard(time.monotonic() - began, trouble=Trouble.SILENT, cause=cause)
        except StopAsyncIteration:
            return Heard(time.monotonic() - began, trouble=Trouble.USELESS, cause="the watch ended without an answer")
        except Exception as exc:  # noqa: BLE001 - a plugin's own
            return Heard(time.monotonic() - began, trouble=trouble_of(exc), cause=str(exc) or describe(exc))
        finally:
            if isinstance(answers, AsyncGenerator):
                await answers.aclose()
    took = time.monotonic() - began
    if isinstance(first.answer, Failed):
        return Heard(took, trouble=Trouble.USELESS, cause=first.answer.cause)
    return Heard(took, first.answer, omitted=(*omitted, *first.malformed))


def trouble_of(error: Exception) -> Trouble:
    """Which trouble an error stands for; plugins have no common classes, and these words in the names of theirs."""
    classes = [each.__name__ for each in type(error).__mro__]
    if any(name.endswith("Denied") for name in classes) or getattr(error, "status", None) in (401, 403):
        return Trouble.DENIED
    if any(name.endswith("Throttled") for name in classes) or getattr(error, "status", None) == 429:
        return Trouble.THROTTLED
    if isinstance(error, TimeoutError) or any(name.endswith("Timeout") for name in classes):
        return Trouble.SILENT
    if isinstance(error, OSError) or any(name.endswith("Unreachable") for name in classes):
        return Trouble.UNREACHABLE
    # Where several servers failed, each in its way, there is no class for it.
    return Trouble.UNREACHABLE if "cannot be reached for" in str(error) else Trouble.USELESS


def _answer(asked: Asked, heard: Heard) -> Answer:
    return heard.answer or Failed(heard.cause, source=asked.source)


def _together(expression: Expression, said: Iterator[Answer]) -> Answer | None:
    """One answer of those that the URIs in `expression` gave, in their order."""
    if isinstance(expression, ResolverUri):
        return next(said)
    if isinstance(expression, Migration):
        serving = _together(expression.serving, said)
        _together(expression.next, said)
        return serving
    parts = [_together(part, said) for part in expression.parts]
    choice = isinstance(expression, Choice)
    source = (" | " if choice else " + ").join(part.source for part in parts if part is not None)
    return first_answer(parts, source) if choice else union_answer(parts, source)


class _Notes(logging.Handler):
    def __init__(self, name: ServiceName, kept: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._about = f"service '{name}'"
        self._kept = kept

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if self._about in message and "left out" in message:
            self._kept.append(message.partition("left out: ")[2] or message)


@contextmanager
def _complaints(name: ServiceName) -> Iterator[list[str]]:
    """What is logged of records that are no endpoints, which is the only place where plugins tell of them."""
    kept: list[str] = []
    handler, logger = _Notes(name, kept), logging.getLogger("meshclient.discovery")
    logger.addHandler(handler)
    try:
        yield kept
    finally:
        logger.removeHandler(handler)
