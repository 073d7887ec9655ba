"""What Redis holds of a circuit, and how one question brings it and a process's copy together.

Each circuit is a hash, `<prefix>:circuit:{<service>}`, and its probe a key of its own, which lives as long as the probe
may take: who sets it may send the probe. Both carry the same hash tag, so that a cluster keeps them together.

One script does everything in one step. A version is a random word rather than a number: after FLUSHALL the numbers
would start again, and two different states could bear the same one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pybreaker import STATE_CLOSED, STATE_HALF_OPEN, STATE_OPEN

_STATES = (STATE_CLOSED, STATE_OPEN, STATE_HALF_OPEN)

# KEYS: circuit, probe. ARGV: the version that the copy was made from; that of an earlier write whose answer was lost;
# the version to write, or nothing; state, opened_at, failed, isolated to write; milliseconds to live; who asks;
# milliseconds of the claim, or 0; whether to give the claim up. Returns the version and record afterwards, and
# whether the claim is granted.
#
# What another process wrote meanwhile goes before. Where there is nothing (expired, FLUSHALL) anything may be written.
EXCHANGE = """
local base, attempt, write, owner, claim = ARGV[1], ARGV[2], ARGV[3], ARGV[9], ARGV[10]
local version = redis.call('HGET', KEYS[1], 'version') or ''
local known = version == base or (attempt ~= '' and version == attempt)
if write ~= '' and (known or version == '') then
  redis.call('HSET', KEYS[1], 'version', write, 'state', ARGV[4], 'opened_at', ARGV[5], 'failed', ARGV[6],
    'isolated', ARGV[7])
  redis.call('PEXPIRE', KEYS[1], ARGV[8])
  version, known = write, true
end
local state = redis.call('HGET', KEYS[1], 'state') or ''
local holder = redis.call('GET', KEYS[2]) or ''
if holder == owner and (ARGV[11] == '1' or (write ~= '' and state ~= 'half-open')) then
  redis.call('DEL', KEYS[2])
  holder = ''
end
local granted = '0'
if claim ~= '0' and known and (state == 'open' or state == 'half-open') and (holder == '' or holder == owner) then
  redis.call('SET', KEYS[2], owner, 'PX', claim)
  granted = '1'
end
local found = redis.call('HMGET', KEYS[1], 'state', 'opened_at', 'failed', 'isolated')
return {version, found[1] or '', found[2] or '', found[3] or '', found[4] or '', granted}
"""


class RecordError(Exception):
    """What Redis holds is no circuit."""


@dataclass(frozen=True, slots=True)
class Record:
    """The part of a circuit that processes share.

    Args:
        state: pybreaker's word for it.
        opened_at: when it was opened last, in UTC.
        failed: failed probes since it was opened; in a closed circuit failed calls in a row, of this process alone.
        isolated: whether it is open until a person closes it.
    """

    state: str = STATE_CLOSED
    opened_at: datetime | None = None
    failed: int = 0
    isolated: bool = False

    @property
    def fields(self) -> tuple[str, str, str, str]:
        """As the script takes it."""
        opened_at = "" if self.opened_at is None else self.opened_at.isoformat()
        return self.state, opened_at, str(0 if self.state == STATE_CLOSED else self.failed), str(int(self.isolated))

    @classmethod
    def of(cls, state: str, opened_at: str, failed: str, isolated: str) -> Record:
        """From the script's answer. Raises RecordError where somebody else has written it."""
        try:
            when = datetime.fromisoformat(opened_at) if opened_at else None
            if state not in _STATES or (when is not None and when.tzinfo is None):
                raise ValueError(state)
            return cls(state, when, int(failed), isolated == "1")
        except ValueError:
            found = (state, opened_at, failed, isolated)
            raise RecordError(f"holds {found!r}, which is no circuit") from None
