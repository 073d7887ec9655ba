"""How faults are written: ``[[services.<name>.faults]]``, one table for each rule.

    [[services.orders.faults]]
    share = "10%"
    delay = "2s"                          # and then, or instead, one of:
    # error = "connect_error"             # connect_timeout, timeout, disconnected, protocol_error
    # status = 503
    headers = { x-chaos = "*" }           # only these requests; every one where it is left out

They hold for one service at a time and have no place under ``[defaults]``: an outage of everything is nobody's trial.
"""

from __future__ import annotations

from dataclasses import replace

from meshclient.config import kinds
from meshclient.config.kinds import Kind, Written, shown, toml_or_text, write_duration
from meshclient.config.traffic_schema import listed, placed, table, wanted_headers
from meshclient.core.injection import ERRORS, FaultRule
from meshclient.errors import ConfigError
from meshclient.model.outcome import Kind as Ending

_KEYS = ("share", "delay", "error", "status", "headers")
_EXAMPLE = "{ share = '10%', status = 503 }"


def _faults(value: object) -> tuple[FaultRule, ...]:
    if value is False or value is None:
        return ()
    items = [value] if isinstance(value, dict) else listed(value, f"[{_EXAMPLE}], or false for none")
    return tuple(placed(f"[{index}]", _rule, item) for index, item in enumerate(items))


def _rule(value: object) -> FaultRule:
    if isinstance(value, FaultRule):
        return value
    given = table(value, _KEYS, _EXAMPLE)
    if "share" not in given:
        raise ConfigError("meets no share of the requests: write share = '10%', or '100%' for all")
    if not {"delay", "error", "status"} & given.keys():
        raise ConfigError("does nothing: give it a delay, an error or a status")
    if {"error", "status"} <= given.keys():
        raise ConfigError("has an error and a status, of which an attempt can end in one: keep one of them")
    rule = FaultRule(placed("share", kinds.RATIO.read, given["share"]))  # type: ignore[arg-type]
    if "delay" in given:
        rule = replace(rule, delay=placed("delay", kinds.BOUND.read, given["delay"]))  # type: ignore[arg-type]
    if "error" in given:
        rule = replace(rule, error=placed("error", _error, given["error"]))
    if "status" in given:
        rule = replace(rule, status=placed("status", _status, given["status"]))
    return replace(rule, headers=placed("headers", wanted_headers, given.get("headers", {})))


def _error(value: object) -> Ending:
    if value not in tuple(map(str, ERRORS)):
        raise ConfigError(f"{shown(value)} is unknown: write one of {', '.join(ERRORS)}")
    return Ending(str(value))


def _status(value: object) -> int:
    if type(value) is not int or not 400 <= value <= 599:
        raise ConfigError(f"{shown(value)} is no error: write a status from 400 to 599")
    return value


def _write_rule(rule: FaultRule) -> Written:
    written: dict[str, Written] = {"share": rule.share}
    if rule.delay:
        written["delay"] = write_duration(rule.delay)
    if rule.error is not None:
        written["error"] = str(rule.error)
    if rule.status:
        written["status"] = rule.status
    if rule.headers:
        written["headers"] = dict(rule.headers)
    return written


FAULTS = Kind(_faults, lambda value: tuple(map(_write_rule, value)), spelled=toml_or_text)
