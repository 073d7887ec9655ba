"""How faults are written: ``[[services.<name>.faults]]``, one table for each rule.

    [[services.orders.faults]]
    share = "10%"
    delay = "2s"                          # and then, or instead, one of:
    # error = "connect_error"             # connect_timeout, timeout, disconnected, protocol_error
    # status = 503
    headers = { x-chaos = "*" }           # only these requests; every one where it is left out
    instances = "30%"                     # only at these instances; zone = "a" or zone = "*" likewise
    seed = 7                              # by which those are drawn

or one of the profiles in `meshclient.core.chaos`, which has to be asked for twice, lest it comes along into production:

    faults = [{ profile = "slow-third", in_staging = true }]

They hold for one service at a time and have no place under ``[defaults]``: an outage of everything is nobody's trial.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

from meshclient.config import kinds
from meshclient.config.kinds import Kind, Written, shown, toml_or_text, write_duration
from meshclient.config.traffic_schema import listed, placed, table, wanted_headers
from meshclient.core.chaos import PROFILES
from meshclient.core.injection import ERRORS, FaultRule
from meshclient.errors import ConfigError
from meshclient.model.outcome import Kind as Ending

_KEYS = ("share", "delay", "error", "status", "headers", "instances", "zone", "seed")
_PROFILE_KEYS = ("profile", "in_staging", "seed", "headers")
_EXAMPLE = "{ share = '10%', status = 503 }"


def _faults(value: object) -> tuple[FaultRule, ...]:
    if value is False or value is None:
        return ()
    items = [value] if isinstance(value, dict) else listed(value, f"[{_EXAMPLE}], or false for none")
    rules = (placed(f"[{index}]", _rules, item) for index, item in enumerate(items))
    return tuple(chain.from_iterable(rules))


def _rules(value: object) -> tuple[FaultRule, ...]:
    if not (isinstance(value, dict) and "profile" in value):
        return (_rule(value),)
    given = table(value, _PROFILE_KEYS, "{ profile = 'flaky', in_staging = true }")
    rules = placed("profile", _profile, given["profile"])
    if given.get("in_staging") is not True:
        raise ConfigError(
            f"is the chaos profile {given['profile']!r}: where that is meant, add in_staging = true to it"
        )
    seed = placed("seed", _seed, given.get("seed", 0))
    headers = placed("headers", wanted_headers, given.get("headers", {}))
    return tuple(replace(rule, seed=seed, headers=headers) for rule in rules)


def _profile(value: object) -> tuple[FaultRule, ...]:
    found = PROFILES.get(value) if isinstance(value, str) else None
    if found is None:
        raise ConfigError(f"{shown(value)} is unknown: write one of {', '.join(PROFILES)}")
    return found


def _seed(value: object) -> int:
    if type(value) is not int:
        raise ConfigError(f"{shown(value)} is no seed: write a whole number")
    return value


def _zone(value: object) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"{shown(value)} is no zone: write its name, or '*' for one that is drawn")
    return value


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
    if "instances" in given:
        rule = replace(rule, instances=placed("instances", kinds.RATIO.read, given["instances"]))  # type: ignore[arg-type]
    rule = replace(
        rule, zone=placed("zone", _zone, given.get("zone", "")), seed=placed("seed", _seed, given.get("seed", 0))
    )
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
    if rule.instances < 1:
        written["instances"] = rule.instances
    if rule.zone:
        written["zone"] = rule.zone
    if rule.seed:
        written["seed"] = rule.seed
    return written


FAULTS = Kind(_faults, lambda value: tuple(map(_write_rule, value)), spelled=toml_or_text)
