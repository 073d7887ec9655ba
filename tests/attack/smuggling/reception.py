"""What is wrong with what a client got of a bad answer, as sentences; none if all is right."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attack.smuggling.reading import Message
    from attack.smuggling.replay import Observation, Proxy
    from attack.smuggling.responses import Outcome, ResponseCase

# What a proxy answers by itself where the upstream's answer is none.
OWN = range(500, 600)


def observed(proxy: Proxy, case: ResponseCase) -> Observation:
    """Play a case."""
    method = case.request.split(b" ", 1)[0]
    return proxy.observe(case.request, methods=[method], reply=lambda _: case.reply)


def complaints(case: ResponseCase, seen: Observation) -> list[str]:
    """Of one case."""
    said = list(dangers(seen))
    if not seen.alive:
        said.append("afterwards it serves nobody any more")
    heard, expected = seen.heard, case.expected
    ours = heard.answers[:1]
    if not ours:
        if not expected.cut:
            said.append(f"no answer, but {heard.ended or 'silence'} after {heard.rest[:60]!r}")
        elif not heard.ended:
            said.append("it kept the connection open")
        return said
    if expected.failed and ours[0].status in OWN and ours[0].status != expected.status:
        return said
    if not expected.status:
        return [*said, f"it answered {ours[0].status}, {ours[0].body[:40]!r}"]
    return said + list(_differences(expected, ours[0]))


def dangers(seen: Observation) -> Iterator[str]:
    """What nobody may do: hand on what is no response, or one to somebody else."""
    yield from confusions(seen)
    answers = seen.heard.answers
    if any(b"evil" in part for answer in answers for part in (answer.body, *(value for _, value in answer.fields))):
        yield "the client got what came after the end of an answer, or a field that is none"


def confusions(seen: Observation) -> Iterator[str]:
    """Of these, what holds whatever the upstream answers."""
    heard = seen.heard
    if heard.fault:
        yield f"the client got what is no response: {heard.fault}"
    # An error is an answer too: connections close here all the time, at some moment under a request and its repetition.
    after = [answer.body for answer in heard.answers[1:] if answer.status not in OWN]
    if after not in ([], [b"sentinel"]):
        yield f"what was asked next was answered {[body[:40] for body in after]}"


def _differences(expected: Outcome, answer: Message) -> Iterator[str]:
    if (answer.status, answer.body) != (expected.status, expected.body):
        yield f"it answered {answer.status}, {answer.body[:40]!r}"
    for name, value in expected.has:
        if value not in answer.values(name):
            yield f"{name!r} is {answer.values(name)!r} instead of {value!r}"
    for name in expected.lacks:
        if any(each == name for each, _ in (*answer.fields, *answer.trailers)):
            yield f"it handed on {name!r}"
