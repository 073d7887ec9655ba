"""What is said to one Envoy on its stream, without the stream.

The protocol is xDS, state of the world, aggregated. Envoy subscribes to kinds of resources, to all of a kind or by
name. Each answer carries a version and a nonce; Envoy takes it (ACK: the same version, the nonce, no error) or does not
(NACK: the version before, the nonce, an error), and what carries an older nonce is about an answer that has been
overtaken and says nothing about versions, though its names count. What a NACK refused is not sent again; the next
version is.

Order matters: clusters before the endpoints they want, listeners before their routes. A cluster that is changed is
warmed anew and waits for its endpoints although they are the same, and a listener for its routes, so these are sent
again after it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from meshclient.sidecar.envoy.vocabulary import ASSIGNMENT, CLUSTER, LISTENER, ROUTES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from meshclient.sidecar.envoy.resources import Resources

# In the order in which they are sent.
KINDS = (CLUSTER, ASSIGNMENT, LISTENER, ROUTES)
# Of these, a request without names means all, and an answer has to hold all that there are.
_WHOLE = frozenset({CLUSTER, LISTENER})
_WAITS = {CLUSTER: ASSIGNMENT, LISTENER: ROUTES}


@dataclass(frozen=True, slots=True)
class Request:
    """What Envoy says.

    Args:
        kind: type URL.
        version: that it goes by.
        nonce: of the answer it speaks of; empty for none.
        names: that it wants; empty for all.
        error: why it did not take that answer; empty where it did.
    """

    kind: str
    version: str = ""
    nonce: str = ""
    names: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What it is told.

    Args:
        kind: type URL.
        version: of this state of the kind.
        nonce: of this answer.
        texts: resources as JSON, by name.
    """

    kind: str
    version: str
    nonce: str
    texts: Mapping[str, str]


@dataclass(slots=True)
class _Subscription:
    names: tuple[str, ...] = ()
    nonce: str = ""
    # By name what was sent, or what did not exist when it was asked for.
    sent: dict[str, str | None] = field(default_factory=dict)
    taken: str = ""
    error: str = ""


class Conversation:
    """With one Envoy.

    Attributes:
        refused: why it did not take the latest answers, by kind.
    """

    def __init__(self) -> None:
        self._subscriptions: dict[str, _Subscription] = {}
        self._count = 0

    @property
    def refused(self) -> dict[str, str]:
        """By kind, why Envoy goes by an earlier version; without those it has taken."""
        return {kind: held.error for kind, held in self._subscriptions.items() if held.error}

    @property
    def taken(self) -> dict[str, str]:
        """By kind, the version that Envoy goes by."""
        return {kind: held.taken for kind, held in self._subscriptions.items() if held.taken}

    def hear(self, request: Request) -> None:
        """Take in what Envoy says; kinds that are not served are left without an answer."""
        if request.kind not in KINDS:
            return
        held = self._subscriptions.setdefault(request.kind, _Subscription())
        # Else it is about an answer that has been overtaken.
        if request.nonce and request.nonce == held.nonce:
            held.error = request.error
            held.taken = request.version
        added = set(request.names) - set(held.names)
        held.names = request.names
        for name in list(held.sent):
            # Asked for anew after it had been given up: Envoy has forgotten it.
            if name in added or (request.names and name not in request.names):
                del held.sent[name]

    def say(self, resources: Resources) -> list[Answer]:
        """What has to be said now, so that Envoy knows of `resources` what it wants to."""
        answers = []
        for kind in KINDS:
            held = self._subscriptions.get(kind)
            if held is None:
                continue
            state = of_kind(resources, kind)
            wanted = _wanted(held, state)
            changed = {name for name, text in wanted.items() if held.sent.get(name, "") != text}
            gone = kind in _WHOLE and any(name not in wanted for name in held.sent)
            first = not held.nonce
            if not (changed or gone or first):
                continue
            answers.append(self._answer(kind, held, state, wanted, changed))
            if kind in _WAITS and (waiting := self._subscriptions.get(_WAITS[kind])):
                _send_again(waiting, changed, whole=kind == LISTENER)
        return answers

    def _answer(
        self,
        kind: str,
        held: _Subscription,
        state: Mapping[str, str],
        wanted: Mapping[str, str | None],
        changed: Collection[str],
    ) -> Answer:
        self._count += 1
        held.nonce = str(self._count)
        held.error = ""
        sent = wanted if kind in _WHOLE or not changed else {name: wanted[name] for name in sorted(changed)}
        held.sent = dict(wanted)
        return Answer(kind, version(state), held.nonce, {name: text for name, text in sent.items() if text is not None})


def of_kind(resources: Resources, kind: str) -> Mapping[str, str]:
    """The texts of one kind."""
    return {
        CLUSTER: resources.clusters,
        ASSIGNMENT: resources.assignments,
        LISTENER: resources.listeners,
        ROUTES: resources.routes,
    }[kind]


def version(texts: Mapping[str, str]) -> str:
    """The same for the same texts, whoever asks: several servers of a fleet agree."""
    return hashlib.sha256("\n".join(texts.values()).encode()).hexdigest()[:12]


def _wanted(held: _Subscription, state: Mapping[str, str]) -> dict[str, str | None]:
    if not held.names:
        return dict(state)
    return {name: state.get(name) for name in held.names}


def _send_again(waiting: _Subscription, changed: Collection[str], *, whole: bool) -> None:
    for name in list(waiting.sent) if whole else changed:
        waiting.sent.pop(name, None)
