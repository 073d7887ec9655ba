"""What a resolver yields, taken apart from what it should have yielded. Pure.

Resolvers are written by others, and a type annotation stops nobody: something in a list that is no `Endpoint` would
end the watch where a balancer meets it, far from who knows better. A registry's garbage is left out and reported,
record by record, and what is no answer at all means "cannot tell".
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

from meshclient.model.endpoint import Endpoint
from meshclient.model.snapshot import Empty, Failed, LeftOut, Ready

# Most letters of something strange that are shown.
_EXCERPT = 80


class Sound(NamedTuple):
    """What is left of an answer.

    Attributes:
        answer: with endpoints only.
        malformed: one text for each record that is none.
        listed: how many records there were.
    """

    answer: Ready | Empty | Failed
    malformed: tuple[str, ...] = ()
    listed: int = 0


def sound(yielded: object) -> Sound:
    """The answer in what a resolver `yielded`; `Failed` where there is none."""
    if isinstance(yielded, Ready):
        return _list(yielded)
    if isinstance(yielded, Empty):
        ttl = _seconds(yielded.ttl)
        return Sound(yielded if yielded.ttl == ttl else replace(yielded, ttl=ttl))
    if isinstance(yielded, Failed):
        return _failure(yielded)
    return Sound(Failed(f"the resolver yielded {_shown(yielded)}, which is not Ready, Empty or Failed"))


def _list(answer: Ready) -> Sound:
    try:
        records: tuple[object, ...] = tuple(answer.endpoints)
    except Exception:  # noqa: BLE001 - somebody else's iterator
        return Sound(Failed(f"the resolver yielded {_shown(answer.endpoints)} in place of endpoints"))
    endpoints = tuple(each for each in records if isinstance(each, Endpoint))
    malformed = tuple(f"{_shown(each)} is no Endpoint" for each in records if not isinstance(each, Endpoint))
    if not endpoints:
        what = f"none of the {len(records)} records that the resolver yielded is an Endpoint"
        return Sound(Failed(f"{what}; the first is {_shown(records[0])}" if records else what))
    ttl = _seconds(answer.ttl)
    if answer.endpoints == endpoints and answer.ttl == ttl:
        return Sound(answer, malformed, len(records))
    told = tuple(LeftOut("", "malformed", wrong) for wrong in malformed)
    answer = replace(answer, endpoints=endpoints, ttl=ttl, left_out=(*answer.left_out, *told))
    return Sound(answer, malformed, len(records))


def _failure(failed: Failed) -> Sound:
    cause: object = failed.cause
    if not isinstance(cause, str):
        failed = replace(failed, cause=f"{type(cause).__name__}: {cause}")
    last: object = failed.last
    if last is None:
        return Sound(failed)
    left = sound(last)
    # A list that is none leaves the one before in place.
    good = None if isinstance(left.answer, Failed) else left.answer
    return Sound(failed if good is last else replace(failed, last=good), left.malformed, left.listed)


def _seconds(ttl: object) -> float | None:
    return ttl if isinstance(ttl, int | float) and math.isfinite(ttl) else None


def _shown(value: object) -> str:
    try:
        text = " ".join(repr(value).split())
    except Exception:  # noqa: BLE001 - somebody else's repr
        return f"a {type(value).__name__}"
    return text if len(text) <= _EXCERPT else f"{text[:_EXCERPT]}... ({type(value).__name__})"
