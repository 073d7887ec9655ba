"""What is wrong with what a proxy did, as sentences; none if it did right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attack.smuggling.replay import UNDERSTOOD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attack.smuggling.case import Case, Wanted
    from attack.smuggling.reading import Message
    from attack.smuggling.replay import Observation

# Whoever closes with unread bytes in the kernel resets, and a reset overtakes the answer (RFC 9112 section 9.6): more
# than this nobody need read.
_READ = 1 << 16


def complaints(case: Case, seen: Observation) -> list[str]:
    """Of one case."""
    said = list(dangers(case, seen))
    expected = case.expected
    if not seen.alive:
        said.append("afterwards it serves nobody any more")
    if expected.streamed:
        return said + list(_broken(case, seen))
    if expected.own and _answered(expected.own, seen):
        return said
    if expected.refused and expected.optional and not _refused(case, seen, ()):
        return said
    if expected.own and not expected.forwarded:
        return [*said, f"it answered {seen.heard.statuses}, forwarded {_names(seen)}"]
    if expected.refused and not expected.optional:
        return said + _refused(case, seen, expected.forwarded)
    return said + list(_forwarded(expected.forwarded, seen))


def dangers(case: Case, seen: Observation) -> Iterator[str]:
    """What nobody may do, however lenient: what leaves a proxy is plain, and not more than came."""
    for fault in seen.record.faults:
        yield f"the upstream got what is no request: {fault}"
    for message in seen.record.requests:
        if b"smuggled" in message.start[1] and not any(w.target == message.start[1] for w in case.expected.forwarded):
            yield "a request reached the upstream that was a part of another, or came after an error"
    if case.end and any(message.body or message.start[0] == b"POST" for message in seen.record.requests):
        yield "a request that the client had broken off was completed"
    if seen.hanging:
        yield f"a request was begun at the upstream and left there: {seen.hanging[0][:100]!r}"


def _broken(case: Case, seen: Observation) -> Iterator[str]:
    if seen.record.requests:
        yield f"it forwarded {_names(seen)} as complete"
    if not seen.heard.ended:
        yield "it kept the connection open"
    yield from _status(case, seen, 0, silence=True)


def _refused(case: Case, seen: Observation, forwarded: tuple[Wanted, ...]) -> list[str]:
    said = list(_matching(forwarded, seen))
    if seen.record.abandoned:
        said.append(f"a part of it reached the upstream: {seen.record.abandoned[0][:100]!r}")
    if not seen.heard.ended:
        said.append("it kept the connection open")
    return said + list(_status(case, seen, len(forwarded), silence=False))


def _status(case: Case, seen: Observation, number: int, *, silence: bool) -> Iterator[str]:
    statuses = seen.heard.statuses[number:]
    if seen.heard.fault:
        yield f"its answer is malformed: {seen.heard.fault}"
    elif not statuses:
        overtaken = seen.heard.ended == "reset" and len(case.raw) > _READ
        if not (silence or overtaken):
            yield f"no status, but {seen.heard.ended or 'silence'} after {seen.heard.statuses}"
    elif statuses[0] not in case.expected.refused:
        yield f"it answered {statuses}"
    elif len(statuses) > 1 and (statuses[0] not in UNDERSTOOD or len(statuses) - 1 > seen.record.sentinels):
        yield f"it went on after {statuses[0]}"


def _answered(own: frozenset[int], seen: Observation) -> bool:
    heard, record = seen.heard, seen.record
    return not record.requests and not record.abandoned and bool(heard.statuses) and heard.statuses[0] in own


def _forwarded(wanted: tuple[Wanted, ...], seen: Observation) -> Iterator[str]:
    yield from _matching(wanted, seen)
    heard = seen.heard
    if heard.fault:
        yield f"its answer is malformed: {heard.fault}"
    ours = heard.statuses[: len(wanted)]
    if ours != [200] * len(wanted):
        yield f"the client was answered {heard.statuses}"
    if [answer.body for answer in heard.answers[len(wanted) :]] != [b"sentinel"] * seen.record.sentinels:
        yield f"what was asked next was answered {[answer.body[:40] for answer in heard.answers[len(wanted) :]]}"
    if heard.rest:
        yield f"the client got more: {heard.rest[:60]!r}"


def _matching(wanted: tuple[Wanted, ...], seen: Observation) -> Iterator[str]:
    if len(wanted) != len(seen.record.requests):
        yield f"it forwarded {_names(seen)}"
        return
    for each, message in zip(wanted, seen.record.requests, strict=True):
        yield from _differences(each, message)


def _differences(wanted: Wanted, message: Message) -> Iterator[str]:
    method, target, _ = message.start
    if (method, target) != (wanted.method, wanted.target):
        yield f"it forwarded {method!r} {target[:60]!r}"
    if message.body != wanted.body:
        yield f"it forwarded the body {message.body[:60]!r}"
    for name, value in wanted.has:
        if value not in message.values(name):
            yield f"{name!r} is {message.values(name)!r} instead of {value!r}"
    for name in wanted.lacks:
        kind, colon, value = name.partition(b":")
        if colon and kind == b"trailer":
            found = any(each == value for each, _ in message.trailers)
        elif colon:
            found = value in message.values(kind)
        else:
            found = any(each == name for each, _ in (*message.fields, *message.trailers))
        if found:
            yield f"it forwarded {name!r}"
    if len(message.values(b"host")) != 1:
        yield f"it forwarded the hosts {message.values(b'host')!r}"


def _names(seen: Observation) -> list[str]:
    return [b" ".join(message.start[:2]).decode("latin-1")[:60] for message in seen.record.requests]
