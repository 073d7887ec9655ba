"""The policies that a call passes, in their fixed order, with what they are set to."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from meshclient.core.retry import IDEMPOTENT_METHODS
from meshclient.model.duration import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshclient.config.cache_shape import CacheConfig
    from meshclient.config.shape import ServiceConfig
    from meshclient.http.options import CallOptions

# What a repeat goes through once more.
LOOP = frozenset({"budget", "pick", "breaker", "attempt_timeout", "send"})


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy as it stands for the call.

    Args:
        name: in the order of the stack.
        state: ``on``, ``off`` or ``shadow``; ``fixed`` for what nobody can switch off.
        words: what it is set to.
        keys: the settings it goes by.
    """

    name: str
    state: str
    words: str
    keys: tuple[str, ...]

    @property
    def again(self) -> bool:
        """Whether it is passed once for each attempt."""
        return self.name in LOOP


def stack(config: ServiceConfig, options: CallOptions, cache: CacheConfig | None, method: str) -> list[Policy]:
    """Every policy, from the outermost to the innermost, then what follows an attempt.

    Args:
        config: of the service.
        options: of the call, its route's and its own settings included.
        cache: of the service, or of the call's route.
        method: of the request.
    """
    return [_shadowed(policy, config) for policy in _stack(config, options, cache, method)]


def _stack(config: ServiceConfig, options: CallOptions, cache: CacheConfig | None, method: str) -> Iterator[Policy]:
    yield _time(
        "deadline", options.deadline, "for the whole call, all attempts and the body", "a call may last forever"
    )
    yield from _cache(cache, method)
    yield from _traffic(config)
    yield from _admission(config)
    yield from _repeats(config, options, method)
    yield _pick(config)
    yield _breaker(config)
    limit = None if options.attempt_timeout == inf else options.attempt_timeout
    yield _time("attempt_timeout", limit, "to the response head", "an attempt may last as long as the call")
    yield _send(config)
    words = "5xx, refused, reset and late are failures; 408, 425 and 429 are repeated, and not held against an endpoint"
    yield Policy("classify", "fixed", words, ())
    traces = ", ".join(config.propagators) or "none"
    words = f"latency, failures and budget are updated at the end of the body; traces: {traces}"
    yield Policy("record", "fixed", words, ("propagators", "shadow"))


def _shadowed(policy: Policy, config: ServiceConfig) -> Policy:
    names = {"breaker": "ejection", "admission": "throttle" if config.circuit is None else "circuit"}
    if policy.state == "on" and names.get(policy.name, policy.name) in config.shadow:
        return Policy(policy.name, "shadow", f"only reports what it would do: {policy.words}", policy.keys)
    return policy


def _time(name: str, seconds: float | None, words: str, off: str) -> Policy:
    if seconds is None:
        return Policy(name, "off", off, (name,))
    return Policy(name, "on", f"{format_duration(seconds)} {words}", (name,))


def _cache(cache: CacheConfig | None, method: str) -> Iterator[Policy]:
    if cache is None:
        yield Policy("coalesce", "off", "needs a cache", ("cache.coalesce",))
        yield Policy("cache", "off", "every call is sent", ("cache",))
        return
    unfit = "" if method in ("GET", "HEAD") else f"; {method} is not answered from it"
    on, words = ("on", "equal requests that wait are one") if cache.coalesce else ("off", "equal requests are all sent")
    yield Policy("coalesce", on, words, ("cache.coalesce",))
    where = "memory" if not cache.store else "memory and a store"
    words = f"{cache.kind}, by RFC 9111, {cache.max_bytes / 2**20:g} MiB in {where}{unfit}"
    yield Policy("cache", "on", words, ("cache",))


def _traffic(config: ServiceConfig) -> Iterator[Policy]:
    traffic = config.traffic
    if traffic is None:
        yield Policy("traffic", "off", "all calls go the same way", ("traffic",))
        return
    whole = sum(traffic.split.values())
    split = ", ".join(f"{name} {weight / whole:.0%}" for name, weight in traffic.split.items())
    told = [f"split {split}"] if split else []
    told += [f"{len(traffic.routes)} rules before it"] if traffic.routes else []
    told += [f"mirror to {traffic.mirror.to} {traffic.mirror.share:.0%}"] if traffic.mirror else []
    told += [f"guard over {traffic.guard.variant}"] if traffic.guard else []
    yield Policy("traffic", "on", ", ".join(told), ("traffic",))


def _admission(config: ServiceConfig) -> Iterator[Policy]:
    circuit, throttle = config.circuit, config.throttle
    keys = ("throttle", "circuit")
    if circuit is not None:
        streak = f" or {circuit.consecutive} in a row" if circuit.consecutive else ""
        words = (
            f"circuit: opens when {circuit.ratio:.0%} of at least {circuit.min_calls} calls in "
            f"{format_duration(circuit.window)} fail{streak}, for {_span(circuit.open.first, circuit.open.limit)}"
        )
        yield Policy("admission", "on", words, keys)
    elif throttle is not None:
        words = (
            f"throttle: refuses up to {throttle.most:.0%} once more than {throttle.k:g} calls are sent for each "
            f"success, of at least {throttle.min_calls} in {format_duration(throttle.window)}"
        )
        yield Policy("admission", "on", words, keys)
    else:
        yield Policy("admission", "off", "neither throttle nor circuit", keys)
    limit = config.limit
    if limit is None:
        yield Policy("limit", "off", "any number of calls at once", ("limit",))
        return
    most = f"found out, at most {limit.concurrency}" if limit.adaptive else f"{limit.concurrency}"
    queue = f", {limit.queue} wait for up to {format_duration(limit.patience)}" if limit.queue else ", none waits"
    each = f", {limit.endpoint} attempts at one endpoint" if limit.endpoint else ""
    yield Policy("limit", "on", f"{most} calls at once{queue}{each}", ("limit",))


def _repeats(config: ServiceConfig, options: CallOptions, method: str) -> Iterator[Policy]:
    retry, policy = config.retry, options.retry
    keys = ("retry.attempts", "retry.backoff", "retry.methods", "retry.wait", "retry.stop", "retry.retry", "retry")
    if policy.attempts < 2 and policy.stop is None:
        yield Policy("retry", "off", "one attempt", keys)
    else:
        most = "as many attempts as the stop strategy lets" if policy.stop else f"{policy.attempts} attempts"
        pause = "the wait strategy's pauses" if policy.wait else f"pauses up to {_span(policy.first, policy.limit)}"
        yield Policy("retry", "on", f"{most}, {pause}; {_again(options, method)}", keys)
    yield _hedge(config, options, method)
    spent = ("retry.budget", "retry.budget_floor")
    if retry is None:
        yield Policy("budget", "off", "nothing is repeated", spent)
    else:
        words = f"{retry.budget:.0%} of the calls and {retry.budget_floor:g} a second, for retries and hedges together"
        yield Policy("budget", "on", words, spent)


def _hedge(config: ServiceConfig, options: CallOptions, method: str) -> Policy:
    hedge = config.hedge
    if hedge is None or not options.hedge:
        return Policy("hedge", "off", "no second attempt beside a late one", ("hedge",))
    quantile = 1 - hedge.extra if hedge.quantile is None else hedge.quantile
    words = f"beside a call later than {100 * quantile:g}% of all, {100 * hedge.extra:g}% more at most"
    return Policy("hedge", "on", words if options.idempotent else f"not for {method}: {words}", ("hedge",))


def _again(options: CallOptions, method: str) -> str:
    if not options.idempotent:
        return f"{method} is repeated only where nothing was sent, or with an Idempotency-Key"
    if method in IDEMPOTENT_METHODS:
        return f"{method} may be repeated"
    return f"{method} may be repeated: the call or its configuration says it does no harm"


def _pick(config: ServiceConfig) -> Policy:
    told = [config.balancer]
    told += [f"by {config.hash_key}"] if config.hash_key else []
    told += [f"sessions by cookie {config.session.cookie}"] if config.session else []
    told += ["own zone first"] if config.zone_aware else []
    told += [f"slow start {format_duration(config.slow_start)}"] if config.slow_start else []
    told += ["load reports"] if config.load_reports else []
    told += [f"subset of {config.subset.size} from {config.subset.fleet} on"] if config.subset else []
    keys = ("balancer", "hash_key", "session", "zone_aware", "slow_start", "load_reports", "subset")
    return Policy("pick", "fixed", ", ".join(told), keys)


def _breaker(config: ServiceConfig) -> Policy:
    ejection, health = config.ejection, config.health
    keys = ("ejection", "health")
    checks = f"; checks every {format_duration(health.interval)}" if health else ""
    if ejection is None:
        return Policy("breaker", "off", f"no endpoint is ejected{checks}", keys)
    words = (
        f"ejected for {_span(ejection.base, ejection.limit)} after {ejection.consecutive} failures in a row, or under "
        f"{ejection.ratio:.0%} success, while peers do better; at most {ejection.max_ejected:.0%} are out, under "
        f"{ejection.panic:.0%} usable all are used{checks}"
    )
    return Policy("breaker", "on", words, keys)


def _send(config: ServiceConfig) -> Policy:
    told = [f"connect within {format_duration(config.connect_timeout)}"]
    told += ["HTTP/2 offered"] if config.http2 else ["HTTP/1.1"]
    told += [f"{config.engine} engine"]
    told += ["certificates are not checked"] if config.tls and not config.tls.verify else []
    told += [f"body up to {config.max_response} bytes"] if config.max_response else []
    told += [f"{len(config.faults)} faults on purpose"] if config.faults else []
    keys = ("connect_timeout", "engine", "http2", "tls", "connections", "max_response", "faults")
    return Policy("send", "fixed", ", ".join(told), keys)


def _span(first: float, limit: float) -> str:
    return f"{format_duration(first)}..{format_duration(limit)}"
