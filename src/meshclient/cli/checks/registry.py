"""Category ``registry``: whether each registry answers, in time, and with a list."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from meshclient.cli.checks.finding import Kind, Level, Outcome, Passed, Skipped
from meshclient.cli.checks.wording import listed, parted
from meshclient.model.duration import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meshclient.model.snapshot import Empty, Ready

CATEGORY = "registry"
# Seconds: the default connect_timeout and a first attempt are over by then, so that a cold start shows to callers.
SLOW = 2.0


def _kind(number: int, level: Level, meaning: str, why: str, fix: str) -> Kind:
    return Kind(f"MC{number}", CATEGORY, level, meaning, why, fix)


_NO_LIST = "processes that run go on with the list they have, those that start now have none"
UNREACHABLE = _kind(
    301,
    Level.ERROR,
    "a registry cannot be reached",
    _NO_LIST,
    "check host and port in the resolver, that the registry runs, and that a firewall lets this host through",
)
DENIED = _kind(
    302,
    Level.ERROR,
    "a registry denies the question",
    _NO_LIST,
    "give a token or credentials that may read the service; the plugin's README has the policy it needs",
)
USELESS = _kind(
    303,
    Level.ERROR,
    "what answers for a registry gives no list",
    _NO_LIST,
    "check that the address is that of the registry, and of the right interface of it; else see its own log",
)
SLOW_ANSWER = _kind(
    304,
    Level.WARNING,
    "a registry is slow",
    "the first call of each process waits for it; calls after that do not",
    "look at the load of the registry, and ask one that is nearer",
)
SILENT = _kind(
    305,
    Level.ERROR,
    "a registry does not answer in time",
    _NO_LIST,
    "check that the address is that of the registry; a longer --timeout tells a slow one from a silent one",
)
THROTTLED = _kind(
    306,
    Level.ERROR,
    "a registry asks for fewer questions",
    "lists get old, and processes that start now wait for theirs",
    "ask less often (the option interval), or have the quota raised; `meshclient lint` does the arithmetic",
)
SPARED = _kind(
    307,
    Level.WARNING,
    "a registry fails, and calls go by another one",
    "no call fails today: the next in line answers, or the registry is only compared with; nobody stands in for that",
    "see why it fails, or take it out of the resolver",
)
KINDS = (UNREACHABLE, DENIED, USELESS, SLOW_ANSWER, SILENT, THROTTLED, SPARED)


class Trouble(StrEnum):
    """Why there is no answer."""

    UNREACHABLE = "unreachable"
    DENIED = "denied"
    USELESS = "useless"
    SILENT = "silent"
    THROTTLED = "throttled"


_KINDS = {
    Trouble.UNREACHABLE: UNREACHABLE,
    Trouble.DENIED: DENIED,
    Trouble.USELESS: USELESS,
    Trouble.SILENT: SILENT,
    Trouble.THROTTLED: THROTTLED,
}


@dataclass(frozen=True, slots=True)
class Heard:
    """What a registry said to one question.

    Args:
        seconds: until it said so.
        answer: the list, or None.
        trouble: why there is none.
        cause: the same in words.
        omitted: records of the service that are no endpoints, in words.
    """

    seconds: float
    answer: Ready | Empty | None = None
    trouble: Trouble | None = None
    cause: str = ""
    omitted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """One registry.

    Args:
        source: its URI, without secrets.
        heard: what it said, by service; under the empty name where it was asked for none that anybody named.
    """

    source: str
    heard: Mapping[str, Heard] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def answers(self) -> bool:
        """Whether anything answers there, be it no."""
        mute = (Trouble.UNREACHABLE, Trouble.SILENT)
        return any(heard.trouble not in mute for heard in self.heard.values())


@dataclass(frozen=True, slots=True)
class RegistryFacts:
    """What registries said.

    Args:
        asked: each registry that was asked.
        reason: why none was; empty where none is needed.
        spared: services of which all is known, whichever of the registries fails.
    """

    asked: tuple[Asked, ...] = ()
    reason: str = ""
    spared: frozenset[str] = frozenset()


def judge(facts: RegistryFacts) -> Iterator[Outcome]:
    """What there is to say of the registries."""
    if facts.reason:
        yield Skipped(CATEGORY, "asking registries", facts.reason)
    elif not facts.asked:
        yield Passed(CATEGORY, "no registry is needed")
    for asked in facts.asked:
        yield from _one(asked, facts.spared)


def _one(asked: Asked, spared: frozenset[str]) -> Iterator[Outcome]:
    troubled: dict[Trouble, list[str]] = {}
    for name, heard in asked.heard.items():
        if heard.trouble is not None:
            troubled.setdefault(heard.trouble, []).append(name)
    for trouble, names in troubled.items():
        if trouble is Trouble.DENIED and names == [""]:
            # A right to read everything is nobody's duty.
            yield Skipped(CATEGORY, f"{asked.source} gives lists", "it may be asked for named services only: name one")
            continue
        # Where calls to some fail, that is what counts.
        needing = [name for name in names if name not in spared]
        told = needing or names
        what, fix = parted(asked.heard[told[0]].cause)
        of = f" (so it is for {listed(told)})" if len(told) > 1 else ""
        kind = _KINDS[trouble] if needing else SPARED
        yield kind.found(f"{asked.source}: {what}{of}", subject=asked.source, fix=fix or _fix(kind, asked.source))
    good = [heard.seconds for heard in asked.heard.values() if heard.trouble is None]
    if good and min(good) > SLOW:
        took = format_duration(min(good))
        yield SLOW_ANSWER.found(f"{asked.source} took {took} for its quickest answer", subject=asked.source)
    elif good:
        yield Passed(CATEGORY, f"{asked.source} answers")


def _fix(kind: Kind, source: str) -> str:
    if kind is USELESS and source.startswith("file://"):
        return "correct the path, which begins at the working directory, or what is in the file"
    return kind.fix
