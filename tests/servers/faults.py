"""What a fault proxy can do to the traffic between a client and a server."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class LinkFault:
    """A fault of the connections themselves; every proxy knows these, and open connections feel them too.

    `latency`, `jitter`: seconds added to each piece of data, both ways.
    `rate`: bytes a second towards the client.
    `freeze`: nothing moves and nothing closes (half-open) until the fault is lifted.
    `sever`: the upstream side closes and the client is never told.
    `reset`: RST for open and for new connections. `refuse`: the port is closed; open connections live on.
    `blackhole`: SYNs are dropped, so that connecting times out; open connections live on.
    `close_after`, `reset_after`: FIN or RST once so many bytes of a connection went to the client.
    `garbage`: so many random bytes instead of any answer, then FIN.
    """

    latency: float = 0.0
    jitter: float = 0.0
    rate: float = 0.0
    freeze: bool = False
    sever: bool = False
    reset: bool = False
    refuse: bool = False
    blackhole: bool = False
    close_after: int | None = None
    reset_after: int | None = None
    garbage: int = 0


@dataclass(frozen=True, slots=True)
class HttpFault:
    """A fault of single requests: a matcher and an action. The first fault that matches acts.

    Matcher: `method` (exact), `path` (a regular expression searched in path and query). `skip` lets so
    many matching requests pass first, `times` ends the fault after so many, `probability` spares some.

    Action: `delay` (seconds) comes first and may stand alone. Then one of: `hang` (never answered),
    `reset` (RST), `close` (FIN without an answer), `status` with `headers` and `body` (answered without
    the upstream). Where none is given the upstream answers, and `set_headers` replaces headers of its
    answer (None removes one), `body` replaces its body and `truncate` ends the connection after so many
    bytes of the body that the answer announces.
    """

    path: str = ""
    method: str | None = None
    skip: int = 0
    times: int | None = None
    probability: float = 1.0
    delay: float = 0.0
    hang: bool = False
    reset: bool = False
    close: bool = False
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | str | None = None
    set_headers: Mapping[str, str | None] = field(default_factory=dict)
    truncate: int | None = None

    def matches(self, method: str, target: str) -> bool:
        """Whether the fault is meant for this request."""
        return self.method in (None, method) and re.search(self.path, target) is not None


@dataclass(frozen=True, slots=True)
class DnsFault:
    """A fault of single DNS questions over UDP; the first that matches acts. TCP passes untouched.

    Matcher: `name` (a regular expression searched in the asked name), `kind` (a type's number, 33 for
    SRV), `skip`, `times` and `probability` as in HttpFault.

    Action: `delay` (seconds) comes first and may stand alone. Then one of: `drop` (no answer), `garbage`
    (so many random bytes), `rcode` (2 SERVFAIL, 3 NXDOMAIN, 5 REFUSED), `truncated` (an empty answer with
    the TC bit, so that the client asks again over TCP), `empty` (NOERROR without records), `wrong_id` (the
    server's answer under another id).
    """

    name: str = ""
    kind: int | None = None
    skip: int = 0
    times: int | None = None
    probability: float = 1.0
    delay: float = 0.0
    drop: bool = False
    garbage: int = 0
    rcode: int | None = None
    truncated: bool = False
    empty: bool = False
    wrong_id: bool = False

    def matches(self, name: str, kind: int) -> bool:
        """Whether the fault is meant for this question."""
        return self.kind in (None, kind) and re.search(self.name, name) is not None


Fault = LinkFault | HttpFault | DnsFault


class Uses:
    """How often a fault may still act."""

    def __init__(self, fault: HttpFault | DnsFault, rng: random.Random) -> None:
        """Start counting for one fault."""
        self.fault = fault
        self._rng = rng
        self._skip = fault.skip
        self._left = fault.times

    def take(self) -> bool:
        """One use for something that matched; False where it is let pass."""
        if self._skip:
            self._skip -= 1
            return False
        if self._left == 0 or self._rng.random() >= self.fault.probability:
            return False
        if self._left is not None:
            self._left -= 1
        return True
