"""Category ``plugins``: whether everything that the configuration names is there and loads."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from meshclient.cli.checks.finding import Kind, Level, Outcome, Passed, Skipped
from meshclient.cli.checks.wording import parted

if TYPE_CHECKING:
    from collections.abc import Iterator

CATEGORY = "plugins"


def _kind(number: int, level: Level, meaning: str, why: str, fix: str) -> Kind:
    return Kind(f"MC{number}", CATEGORY, level, meaning, why, fix)


_STARTS_NOT = "the registry cannot be asked, and a program with this configuration does not start"
MISSING = _kind(
    201,
    Level.ERROR,
    "a resolver needs a plugin that is not installed",
    _STARTS_NOT,
    "install the distribution that is named, into the environment that the program runs in",
)
UNKNOWN = _kind(
    202,
    Level.ERROR,
    "nothing that is installed knows the scheme of a resolver",
    _STARTS_NOT,
    "correct the scheme; `meshclient plugins` lists those that are known here",
)
BROKEN = _kind(
    203,
    Level.ERROR,
    "a plugin that is needed cannot be loaded",
    _STARTS_NOT,
    "reinstall the distribution with its dependencies: pip install --force-reinstall <distribution>",
)
CLAIMED_TWICE = _kind(
    204,
    Level.ERROR,
    "two distributions claim one scheme",
    "it would be chance which of them is used, so that neither is",
    "uninstall all but one of them",
)
OPTIONS = _kind(
    205,
    Level.ERROR,
    "a resolver does not accept its address or an option",
    _STARTS_NOT,
    "correct the URI; the plugin's README lists its options",
)
POLICY = _kind(
    206,
    Level.ERROR,
    "a balancer, a circuit's store, a session's secret or HTTP/2 cannot be used",
    "a program with this configuration does not start",
    "correct its name or address, or install the plugin that brings it",
)
UNUSED = _kind(
    207,
    Level.WARNING,
    "a plugin that is installed and not used cannot be loaded",
    "nothing today: it fails as soon as a configuration names it",
    "reinstall its distribution, or uninstall it",
)
CHECK_FAILED = _kind(
    208,
    Level.WARNING,
    "a check that a plugin brings failed itself",
    "what it would have looked at is not known",
    "update its distribution, or leave it out with --skip",
)
KINDS = (MISSING, UNKNOWN, BROKEN, CLAIMED_TWICE, OPTIONS, POLICY, UNUSED, CHECK_FAILED)


class Fault(StrEnum):
    """What is wrong with something that a configuration names."""

    MISSING = "missing"
    UNKNOWN = "unknown"
    BROKEN = "broken"
    CLAIMED_TWICE = "claimed_twice"
    OPTIONS = "options"
    POLICY = "policy"


_KINDS = {
    Fault.MISSING: MISSING,
    Fault.UNKNOWN: UNKNOWN,
    Fault.BROKEN: BROKEN,
    Fault.CLAIMED_TWICE: CLAIMED_TWICE,
    Fault.OPTIONS: OPTIONS,
    Fault.POLICY: POLICY,
}


@dataclass(frozen=True, slots=True)
class Part:
    """Something that the configuration names.

    Args:
        subject: it, such as ``consul://``.
        fault: what is wrong, or None.
        words: the same in words.
    """

    subject: str
    fault: Fault | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class PluginFacts:
    """What is known of plugins.

    Args:
        parts: what the configuration names, or None where there is no configuration.
        unused: (name, why it does not load) of those that nothing names.
        failed: (distribution, why) of checks that failed.
    """

    parts: tuple[Part, ...] | None = None
    unused: tuple[tuple[str, str], ...] = ()
    failed: tuple[tuple[str, str], ...] = field(default=())

    @property
    def usable(self) -> bool:
        """Whether everything that is named is there."""
        return self.parts is not None and not any(part.fault for part in self.parts)


def judge(facts: PluginFacts) -> Iterator[Outcome]:
    """What there is to say of plugins."""
    if facts.parts is None:
        yield Skipped(CATEGORY, "the plugins that are needed", "the configuration cannot be used")
    else:
        sound = [part.subject for part in facts.parts if part.fault is None]
        for part in facts.parts:
            if part.fault is not None:
                what, fix = parted(part.words)
                yield _KINDS[part.fault].found(what, subject=part.subject, fix=fix)
        if sound:
            yield Passed(CATEGORY, f"what is named is there and loads: {', '.join(dict.fromkeys(sound))}")
    for name, why in facts.unused:
        yield UNUSED.found(why, subject=name)
    for name, why in facts.failed:
        yield CHECK_FAILED.found(f"the check of {name}: {why}", subject=name)
    if not facts.unused:
        yield Passed(CATEGORY, "every plugin that is installed loads")
