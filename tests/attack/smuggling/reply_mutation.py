"""Answers that nobody thought of: those of the corpus, changed at random, then the end of the connection.

As with requests, `reading` says what they are. The client may get that, or an error of the proxy's, or what it can tell
to be cut; of what is no response it must not get a whole one.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from attack.smuggling import reading, reception
from attack.smuggling.case import get
from attack.smuggling.mutation import changed
from attack.smuggling.responses import CASES
from attack.smuggling.upstream import Reply

if TYPE_CHECKING:
    from attack.smuggling.reading import Message
    from attack.smuggling.replay import Proxy

_LONGEST = 600
_GROUND = [case.reply.raw for case in CASES.values() if len(case.reply.raw) < _LONGEST]


def mutant(seed: int) -> bytes:
    """The bytes of this number."""
    rng = Random(seed)
    return changed(rng, rng.choice(_GROUND))


def read(raw: bytes) -> Message | None:
    """The final response in `raw`, after which the connection ends; None where there is none."""
    while True:
        try:
            message = reading.response(raw, b"GET", ended=True)
        except reading.Malformed:
            return None
        if message is None or not 100 <= message.status < 200 or message.status == 101:
            return None if message is None or message.status == 101 else message
        raw = raw[message.size :]


def complaints(proxy: Proxy, raw: bytes) -> list[str]:
    """What is wrong with what a client gets of these bytes."""
    seen = proxy.observe(get(), methods=[b"GET"], reply=lambda _: Reply(raw, "fin"))
    heard, wanted = seen.heard, read(raw)
    said = list(reception.confusions(seen))
    if not seen.alive:
        said.append("afterwards it serves nobody any more")
    if not heard.ended:
        said.append(f"nothing came any more after {heard.statuses}")
    for answer in heard.answers[:1]:
        same = wanted is not None and (answer.status, answer.body) == (wanted.status, wanted.body)
        if not same and answer.status not in reception.OWN:
            meant = "no response" if wanted is None else f"{wanted.status}, {wanted.body[:60]!r}"
            said.append(f"the client got {answer.status}, {answer.body[:60]!r} of what is {meant}")
    return said
