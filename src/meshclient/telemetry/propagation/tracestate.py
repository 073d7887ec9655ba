"""``tracestate``, by W3C Trace Context, level 2 (3.3): what other tracing systems say of their place in a trace."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    State = tuple[tuple[str, str], ...]

MOST_MEMBERS = 32
# What has to be handed on at least (3.3.1.5); each call pays for what is beyond it.
MOST_CHARACTERS = 512
# Longer members go first where not all can stay.
_LARGE = 128
_KEY = r"[a-z0-9][a-z0-9_*/@-]{0,255}"
# 256 printable characters but "," and "=", the last of which is no space.
_VALUE = r"[ -+\--<>-~]{0,255}[!-+\--<>-~]"
_MEMBER = re.compile(rf"({_KEY})=({_VALUE})")


def read_state(values: Iterable[str]) -> State:
    """The members of all header fields together; none at all where one is invalid or there are too many of them.

    Of members with one key the first is kept, which is the latest.
    """
    members: dict[str, str] = {}
    for part in ",".join(values).split(","):
        # A value keeps the spaces it begins with: they are between "=" and it.
        if text := part.strip(" \t"):
            member = _MEMBER.fullmatch(text)
            if member is None:
                return ()
            members.setdefault(member[1], member[2])
            if len(members) > MOST_MEMBERS:
                return ()
    return tuple(members.items())


def write_state(state: State) -> str:
    """The value of the header, which is valid whatever `state` says; "" for no header.

    What is too long is cut by whole members, the large ones first and then from the end.
    """
    members: dict[str, str] = {}
    for key, value in state:
        member = f"{key}={value}"
        if len(members) < MOST_MEMBERS and key not in members and _MEMBER.fullmatch(member):
            members[key] = member
    texts = list(members.values())
    excess = sum(map(len, texts)) + len(texts) - 1 - MOST_CHARACTERS
    if excess > 0:
        for text in [text for text in reversed(texts) if len(text) > _LARGE]:
            if excess > 0:
                texts.remove(text)
                excess -= len(text) + 1
        while excess > 0:
            excess -= len(texts.pop()) + 1
    return ",".join(texts)


def put(state: State, key: str, value: str) -> State:
    """`state` with this member, new or changed, in front; the last one goes where there would be too many.

    Raises ValueError for what is no member.
    """
    if not _MEMBER.fullmatch(f"{key}={value}"):
        msg = f"{key}={value} is no member of a tracestate: write a key in lower case and a value without ',' and '='"
        raise ValueError(msg)
    return ((key, value), *without(state, key))[:MOST_MEMBERS]


def without(state: State, key: str) -> State:
    """`state` without the member of this key."""
    return tuple(member for member in state if member[0] != key)
