"""Category ``config``: whether what was written can be read, and can all hold together."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from meshclient.cli.checks.finding import Kind, Level, Outcome, Passed, Skipped
from meshclient.cli.checks.wording import parted, plural
from meshclient.config.environment import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshclient.config.loaded import Loaded

CATEGORY = "config"


def _kind(number: int, level: Level, meaning: str, why: str, fix: str) -> Kind:
    return Kind(f"MC{number}", CATEGORY, level, meaning, why, fix)


UNREADABLE = _kind(
    101,
    Level.ERROR,
    "the configuration file is not there or cannot be read",
    "nothing that it says holds, and a program that names it does not start",
    "create the file or make it readable, or correct --config or MESHCLIENT_CONFIG",
)
NOT_TOML = _kind(
    102,
    Level.ERROR,
    "the configuration file is not valid TOML",
    "nothing that it says holds, and a program that reads it does not start",
    "correct the line that is named; texts stand in quotes, and each table has one header",
)
UNKNOWN_KEY = _kind(
    103,
    Level.ERROR,
    "a key in the configuration is unknown",
    "a misspelt setting would be silence otherwise, so that the whole configuration is refused",
    "correct the key, or remove it",
)
WRONG_VALUE = _kind(
    104,
    Level.ERROR,
    "a value in the configuration is wrong",
    "the whole configuration is refused, and a program that reads it does not start",
    "correct the value; `meshclient config show` lists all settings as they are written",
)
UNKNOWN_VARIABLE = _kind(
    105,
    Level.WARNING,
    "an environment variable MESHCLIENT_... sets nothing",
    "it is ignored: whatever it was meant to change is as before",
    "correct its name, or unset it",
)
CONTRADICTION = _kind(
    106,
    Level.WARNING,
    "two settings cannot both hold",
    "the configuration is used, and one of the two has no effect",
    "change one of them",
)
NOBODY_TO_ASK = _kind(
    107,
    Level.ERROR,
    "neither a resolver nor endpoints are configured",
    "no host is a service: every request goes to DNS as it would without meshclient",
    'write resolver = "dns://" into meshclient.toml, set MESHCLIENT_RESOLVER, or give --resolver',
)
NO_RESOLVER = _kind(
    108,
    Level.ERROR,
    "the text of the resolver names no resolver",
    "no registry can be asked, and a program that reads it does not start",
    "write scheme://address, such as consul://127.0.0.1:8500, with white space on both sides of | and +",
)
STATE_DIR = _kind(
    109,
    Level.WARNING,
    "state_dir cannot be used",
    "calls go on, but no list is kept, and a start without the registry finds no endpoint",
    "make the folder writable for the user that the program runs as, or correct state_dir",
)
OPEN_FILES = _kind(
    110,
    Level.WARNING,
    "the limit on open files is lower than the connections that are configured",
    "each connection is an open file: under load connections fail with 'too many open files'",
    "raise the limit (ulimit -n, LimitNOFILE= of a systemd unit), or lower connections.total",
)
KINDS = (
    UNREADABLE,
    NOT_TOML,
    UNKNOWN_KEY,
    WRONG_VALUE,
    UNKNOWN_VARIABLE,
    CONTRADICTION,
    NOBODY_TO_ASK,
    NO_RESOLVER,
    STATE_DIR,
    OPEN_FILES,
)


class Obstacle(StrEnum):
    """Why there is no configuration."""

    FILE = "file"
    SYNTAX = "syntax"
    VALUES = "values"


@dataclass(frozen=True, slots=True)
class ConfigFacts:
    """What is known of the configuration.

    Args:
        loaded: it and its story, or None.
        obstacle: why there is none.
        complaints: of the obstacle, a line each.
        label: the file, as people call it; empty for none.
        resolver: why the text of the resolver means nothing; empty where it does, or there is none.
        state_dir: why the folder cannot be used; empty where it can, or there is none.
        open_files: this process's limit, or None where there is none.
        connections: the most that is configured by hand for one service, or 0.
    """

    loaded: Loaded | None = None
    obstacle: Obstacle | None = None
    complaints: tuple[str, ...] = ()
    label: str = ""
    resolver: str = ""
    state_dir: str = ""
    open_files: int | None = None
    connections: int = 0

    @property
    def usable(self) -> bool:
        """Whether services can be asked for by it."""
        return self.loaded is not None and not self.resolver


# A process has other files open than its connections.
SPARE_FILES = 64
_BY_OBSTACLE = {Obstacle.FILE: UNREADABLE, Obstacle.SYNTAX: NOT_TOML}


def judge(facts: ConfigFacts) -> Iterator[Outcome]:
    """What there is to say of the configuration."""
    if facts.loaded is None:
        for line in facts.complaints:
            yield _refused(facts.obstacle, line)
        yield Skipped(CATEGORY, "what settings mean together", "the configuration cannot be read")
        return
    config = facts.loaded.config
    where = facts.label or "no file: arguments and environment"
    yield Passed(CATEGORY, f"the configuration is valid ({where}, {plural(len(config.services), 'service')})")
    for line in facts.loaded.warnings:
        what, fix = parted(line)
        kind = UNKNOWN_VARIABLE if line.startswith(PREFIX) else CONTRADICTION
        yield kind.found(what, subject=what.split(" ", 1)[0], fix=fix)
    yield from _whom(facts, facts.loaded)
    yield from _folder(facts, config.state_dir)
    if facts.open_files is not None and facts.open_files < facts.connections + SPARE_FILES:
        wanted = f", and connections.total is {facts.connections}" if facts.connections else ""
        yield OPEN_FILES.found(f"this process may open {facts.open_files} files{wanted}", subject="connections.total")
    else:
        number = "any number of" if facts.open_files is None else facts.open_files
        yield Passed(CATEGORY, f"{number} files may be open at once")


def _refused(obstacle: Obstacle | None, line: str) -> Outcome:
    what, fix = parted(line)
    if obstacle in _BY_OBSTACLE:
        return _BY_OBSTACLE[obstacle].found(what, subject=what.split(" ", 1)[0], fix=fix)
    kind = UNKNOWN_KEY if ": unknown key" in line else WRONG_VALUE
    return kind.found(what, subject=what.split(" ", 1)[0].rstrip(":"), fix=fix)


def _whom(facts: ConfigFacts, loaded: Loaded) -> Iterator[Outcome]:
    config = loaded.config
    if facts.resolver:
        what, fix = parted(facts.resolver)
        yield NO_RESOLVER.found(f"resolver ({loaded.origin('resolver')}): {what}", subject="resolver", fix=fix)
    elif config.resolver:
        yield Passed(CATEGORY, f"a resolver is configured ({loaded.origin('resolver')})")
    elif config.sidecar.inbound and not config.sidecar.outbound:
        yield Passed(CATEGORY, "the sidecar only takes calls in, no resolver is needed")
    elif not any(service.endpoints for service in config.services.values()):
        yield NOBODY_TO_ASK.found("no resolver is configured, and no service has endpoints")
    else:
        yield Passed(CATEGORY, "services have endpoints of their own, no resolver is needed")


def _folder(facts: ConfigFacts, state_dir: str) -> Iterator[Outcome]:
    if facts.state_dir:
        yield STATE_DIR.found(f"state_dir {state_dir}: {facts.state_dir}", subject="state_dir")
    elif state_dir:
        yield Passed(CATEGORY, f"lists can be kept in {state_dir}")
