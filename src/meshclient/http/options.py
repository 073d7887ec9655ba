"""What a single call may ask for: ``extensions={"mesh": {...}}``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any

from meshclient.config.kinds import ATTEMPTS
from meshclient.config.policy_kinds import STRATEGY
from meshclient.core.retry import IDEMPOTENT_METHODS, RetryPolicy
from meshclient.core.traffic.head import Head
from meshclient.errors import ConfigError
from meshclient.http.ambient import AMBIENT, ATTEMPT_HEADER, NOTHING, TIMEOUT_HEADER, format_timeout
from meshclient.mesh.strategies import with_strategies
from meshclient.model.duration import parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from meshclient.config.policy_shape import HashKey
    from meshclient.core.balance.node import Key
    from meshclient.http.ambient import Ambient
    from meshclient.mesh import MeshService

NO_RETRY = RetryPolicy(attempts=1)
_RETRY = {"attempts": ATTEMPTS, "wait": STRATEGY, "stop": STRATEGY, "retry": STRATEGY}
_KEYS = ("attempt_timeout", "deadline", "hash_key", "hedge", "idempotent", "priority", "retry")


@dataclass(frozen=True, slots=True)
class CallOptions:
    """How one call is made.

    Args:
        deadline: seconds for the whole call, or None for no end.
        attempt_timeout: seconds for an attempt until the response head; infinity for no limit.
        connect_timeout: seconds for a connection.
        idempotent: whether the request may be executed twice.
        retry: the rule for repeats.
        hedge: whether a second attempt may be sent beside the first.
        key: what a consistent hash goes by, or None.
        priority: importance where not all calls find room, 0 first.
        chained: whether the call serves a request that is itself a repeat.
        stuck: says which endpoint the call's session stays with, as `meshclient.core.call.Call` has it.

    Attributes:
        limit: seconds for the first attempt.
        mark: the header lines that tell the server of that, and whether the call is a repeat; then the empty line.
    """

    deadline: float | None
    attempt_timeout: float
    connect_timeout: float
    idempotent: bool
    retry: RetryPolicy
    hedge: bool = False
    key: str | None = None
    priority: int = 0
    chained: bool = False
    stuck: Callable[[], Key | None] | None = None
    limit: float = field(init=False)
    mark: bytes = field(init=False)

    def __post_init__(self) -> None:
        limit = self.attempt_timeout if self.deadline is None else min(self.attempt_timeout, self.deadline)
        line = f"{TIMEOUT_HEADER}: {format_timeout(limit)}\r\n" if limit < inf else ""
        again = f"{ATTEMPT_HEADER}: 2\r\n" if self.chained else ""
        object.__setattr__(self, "limit", limit)
        object.__setattr__(self, "mark", f"{again}{line}\r\n".encode("ascii"))


# What `check_options` changes.
_ANY = CallOptions(deadline=None, attempt_timeout=inf, connect_timeout=inf, idempotent=False, retry=RetryPolicy())


def call_options(request: httpx.Request, service: MeshService) -> CallOptions:
    """As `options_for`."""
    head = Head(request.method, request.url.path, request.headers.get)
    return options_for(head, service, request.extensions.get("mesh"))


def options_for(head: Head, service: MeshService, given: object) -> CallOptions:
    """The service's settings for this request's path, method and headers, then what the call itself asks for.

    `given` is that, as in ``extensions["mesh"]``, or None. Raises ConfigError for a key or value that is not known;
    nothing is sent then.
    """
    options = settled_options(head, service)
    session = service.config.session
    if session is not None and (value := head.cookie(session.cookie)):
        options = replace(options, stuck=partial(service.stuck_to, value))
    return asked_options(options, service, given)


def settled_options(head: Head, service: MeshService) -> CallOptions:
    """What the configuration alone says."""
    settings = service.settings(head.path) if service.routed else service.own_settings
    return CallOptions(
        deadline=settings.deadline,
        attempt_timeout=settings.attempt_timeout,
        connect_timeout=settings.connect_timeout,
        idempotent=(
            head.method in IDEMPOTENT_METHODS
            or head.method in settings.methods
            or head.header("idempotency-key") is not None
        ),
        retry=settings.retry,
        hedge=service.hedging is not None,
        key=None if service.hash_key is None else _key(head, service.hash_key),
    )


def asked_options(options: CallOptions, service: MeshService, given: object) -> CallOptions:
    """`options` as changed by the block that the call is made in, by the call, and by the request it is made for."""
    ambient = AMBIENT.get()
    if ambient.options:
        options = _override(options, ambient.options)
    if given is not None:
        options = _override(options, given)
    return options if ambient is NOTHING else _inherit(options, ambient, service.clock())


def check_options(given: Mapping[str, object]) -> None:
    """Raises ConfigError for what no call can ask for, whichever it is."""
    _override(_ANY, given)


def _key(head: Head, by: HashKey) -> str | None:
    if by.source == "header":
        return head.header(by.name)
    if by.source == "cookie":
        return head.cookie(by.name)
    return head.path if by.source == "path" else None


def _inherit(options: CallOptions, ambient: Ambient, now: float) -> CallOptions:
    """Not even the call itself gets more time than whoever waits for all this."""
    left = max(0.0, ambient.ends - now)
    if left < (inf if options.deadline is None else options.deadline):
        options = replace(options, deadline=left)
    return replace(options, chained=ambient.chained)


def _override(options: CallOptions, given: object) -> CallOptions:
    if not isinstance(given, Mapping):
        msg = f'extensions["mesh"] is {given!r}: give a table, such as {{"deadline": 0.5}}'
        raise ConfigError(msg)
    for key in given:
        if key not in _KEYS:
            close = get_close_matches(str(key), _KEYS, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(_KEYS)}"
            msg = f'extensions["mesh"] has no key {key!r}; {hint}'
            raise ConfigError(msg)
    changed = options
    if "deadline" in given:
        changed = replace(changed, deadline=_seconds("deadline", given["deadline"]))
    if "attempt_timeout" in given:
        seconds = _seconds("attempt_timeout", given["attempt_timeout"])
        changed = replace(changed, attempt_timeout=inf if seconds is None else seconds)
    if "idempotent" in given:
        changed = replace(changed, idempotent=_switch("idempotent", given["idempotent"]))
    if "hash_key" in given:
        changed = replace(changed, key=_text("hash_key", given["hash_key"]))
    if "hedge" in given:
        changed = replace(changed, hedge=_switch("hedge", given["hedge"]))
    if "priority" in given:
        changed = replace(changed, priority=_rank("priority", given["priority"]))
    if "retry" in given:
        changed = replace(changed, retry=_retry(given["retry"], changed.retry))
    return changed


def _retry(value: object, policy: RetryPolicy) -> RetryPolicy:
    if isinstance(value, bool):
        return policy if value else NO_RETRY
    if not isinstance(value, Mapping) or not value.keys() <= _RETRY.keys():
        msg = f"extensions[\"mesh\"]['retry'] is {value!r}: give True or False, or a table of {', '.join(_RETRY)}"
        raise ConfigError(msg)
    read: dict[str, Any] = {}
    for key, part in value.items():
        try:
            read[key] = _RETRY[key].read(part)
        except ValueError as exc:
            msg = f"extensions[\"mesh\"]['retry'][{key!r}]: {exc}"
            raise ConfigError(msg) from None
    # Who says how calls are repeated wants them repeated.
    policy = RetryPolicy() if policy == NO_RETRY else policy
    if "attempts" in read:
        policy = replace(policy, attempts=read.pop("attempts"))
    return with_strategies(policy, **read)


def _seconds(key: str, value: object) -> float | None:
    if value is None or value is False:
        return None
    try:
        return parse_duration(value)
    except ValueError as exc:
        msg = f'extensions["mesh"][{key!r}]: {exc}'
        raise ConfigError(msg) from None


def _text(key: str, value: object) -> str:
    if isinstance(value, str):
        return value
    msg = f'extensions["mesh"][{key!r}] is {value!r}: give text'
    raise ConfigError(msg)


def _rank(key: str, value: object) -> int:
    if type(value) is int and value >= 0:
        return value
    msg = f'extensions["mesh"][{key!r}] is {value!r}: give a whole number from 0, which is the most important'
    raise ConfigError(msg)


def _switch(key: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    msg = f'extensions["mesh"][{key!r}] is {value!r}: give True or False'
    raise ConfigError(msg)
