"""A circuit's state as this process knows it: what pybreaker reads and writes, and the store carries to Redis and back.

Calls read and write here, in memory, and never wait. What they write is marked and taken along by the store's next
question; what other processes wrote comes back with the answer.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pybreaker import STATE_CLOSED, STATE_OPEN, CircuitBreakerStorage

from meshclient_redis.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from datetime import datetime

# Seconds for which a granted claim waits for a call to send as the probe; the claim itself goes on while the probe may.
GRANT = 1.0


@dataclass(frozen=True, slots=True)
class Question:
    """What one circuit has to say to Redis.

    Args:
        version: what the copy was made from.
        attempt: the version of a write whose answer was lost, or empty.
        record: what to write, or None.
        write: the version that it gets; empty where there is nothing to write.
        claim: seconds for which to claim the probe, or 0.
        release: whether to give a claim up.
        edits: how many local changes are contained.
    """

    version: str
    attempt: str
    record: Record | None
    write: str
    claim: float
    release: bool
    edits: int


class SharedCircuitStorage(CircuitBreakerStorage):
    """What pybreaker calls a storage and meshclient an `Agreement`, over a copy in memory.

    Args:
        service: whose circuit.
        lock: guards the copy; held briefly.
        clock: monotonic seconds.
        pause: seconds to leave between two claims that are refused.
        wake: called when there is something to say; returns at once.
        alone: whether Redis is away, so that this process goes by itself.
    """

    def __init__(
        self,
        service: str,
        *,
        lock: AbstractContextManager[object],
        clock: Callable[[], float],
        pause: float,
        wake: Callable[[], None],
        alone: Callable[[], bool],
    ) -> None:
        super().__init__("redis")
        self.service = service
        self._lock = lock
        self._clock = clock
        self._pause = pause
        self._wake = wake
        self._alone = alone
        self._record = Record()
        self._version = self._attempt = ""
        self._edits = self._pushed = 0
        self._asked = 0.0
        self._not_before = 0.0
        self._granted_until: float | None = None
        self._release = False

    @property
    def state(self) -> str:
        """The state, in pybreaker's word."""
        return self._record.state

    @state.setter
    def state(self, state: str) -> None:
        self._edit(state=state, isolated=self._record.isolated and state == STATE_OPEN)

    @property
    def opened_at(self) -> datetime | None:
        """When it was opened last."""
        return self._record.opened_at

    @opened_at.setter
    def opened_at(self, datetime: datetime) -> None:
        self._edit(opened_at=datetime)

    @property
    def isolated(self) -> bool:
        """As `Agreement.isolated`."""
        return self._record.isolated

    @isolated.setter
    def isolated(self, isolated: bool) -> None:
        self._edit(isolated=isolated)

    @property
    def counter(self) -> int:
        """Failed probes, or in a closed circuit failed calls in a row."""
        return self._record.failed

    def increment_counter(self) -> None:
        """One more failure."""
        self._edit(failed=self._record.failed + 1)

    def reset_counter(self) -> None:
        """No failure."""
        self._edit(failed=0)

    @property
    def success_counter(self) -> int:
        """Always 0: one probe that succeeds closes the circuit."""
        return 0

    def claim(self, seconds: float) -> bool:
        """As `Agreement.claim`: no at first, yes once Redis has agreed; always yes while Redis is away."""
        if self._alone():
            return True
        now = self._clock()
        with self._lock:
            if self._granted_until is not None and now < self._granted_until:
                self._granted_until = None
                return True
            if now < self._not_before:
                return False
            self._asked = seconds
            self._not_before = now + self._pause
        self._wake()
        return False

    def release(self) -> None:
        """As `Agreement.release`."""
        with self._lock:
            self._release = True
            self._not_before = 0.0
        self._wake()

    def question(self) -> Question:
        """What to say to Redis now."""
        now = self._clock()
        with self._lock:
            if self._granted_until is not None and now >= self._granted_until:
                # Nobody called: another process may have a call to send.
                self._granted_until, self._release = None, True
            asked, self._asked = self._asked, 0.0
            release, self._release = self._release, False
            unsaid = self._record if self._edits != self._pushed else None
            write = secrets.token_hex(8) if unsaid else ""
            attempt, self._attempt = self._attempt, write
            return Question(self._version, attempt, unsaid, write, asked, release and not asked, self._edits)

    def answer(self, question: Question, version: str, record: Record | None, *, granted: bool) -> None:
        """What Redis holds after the question; None where it holds nothing."""
        with self._lock:
            self._attempt = ""
            if record is None:
                self._lost()
            elif version == question.write:
                self._version, self._pushed = version, question.edits
            elif version != self._version:
                self._version, self._pushed = version, question.edits
                # What was changed here since then was changed on top of the old state, and is said next.
                if self._edits == question.edits:
                    self._record = record if record.state != STATE_CLOSED else replace(record, failed=0)
            if granted:
                self._granted_until, self._not_before = self._clock() + GRANT, 0.0

    def _lost(self) -> None:
        """Redis has forgotten (FLUSHALL, a restart, the end of the ttl): an open circuit is told to it again."""
        self._version = ""
        if self._record.state != STATE_CLOSED:
            self._edits += 1
        else:
            self._pushed = self._edits

    def _edit(self, **changes: object) -> None:
        with self._lock:
            before = self._record
            # The names are those of the fields, by the setters above.
            self._record = replace(before, **changes)  # type: ignore[arg-type]
            # How many calls have failed in a row is this process's own business while the circuit is closed.
            shared = self._record.fields != before.fields
            self._edits += shared
        if shared:
            self._wake()
