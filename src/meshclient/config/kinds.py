"""How one value is read, checked, written back, and spelt where only text is available.

A `Kind` knows nothing of where its value stands; the error it raises says what is wrong and what to write instead, and
`meshclient.config.layers` puts the place and the origin in front.
"""

from __future__ import annotations

import math
import re
import reprlib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from pathlib import PurePath
from typing import Any, TypeAlias

from meshclient.config.policy_shape import Backoff
from meshclient.discovery.services_table import parse_endpoints
from meshclient.errors import ConfigError
from meshclient.model.duration import format_duration, parse_duration
from meshclient.model.endpoint import Endpoint, without_user

Written: TypeAlias = "str | int | float | bool | tuple[Written, ...] | Mapping[str, Written]"

# Beyond this lie the limits of the system's own timers (poll counts milliseconds in 31 bits: 24 days).
LONGEST = 86_400.0
_RATE_LIMIT = 1e6
_WORDS = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}
_MODES = ("background", "on-demand")
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_METHOD = re.compile(r"[A-Z][A-Z0-9_-]*")
_BALANCER = re.compile(r"[a-z0-9_]+")


class Spelled(str):
    """Text out of an environment variable or ``--set``, to be understood by the kind of the value it is for."""

    __slots__ = ()


def toml_or_text(text: str) -> object:
    """The TOML value that `text` spells, or `text` itself where it spells none."""
    try:
        document = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return str(text)
    return document["value"] if list(document) == ["value"] else str(text)


def switch_or_value(text: str) -> object:
    """``False`` or ``True`` for the words people use for off and on, else as `toml_or_text`."""
    return _WORDS.get(text.strip().lower(), toml_or_text(text))


def listed_or_texts(text: str) -> object:
    """The TOML list that `text` spells, or its parts between commas."""
    value = toml_or_text(text)
    return _parts(value) if isinstance(value, str) else value


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _as_it_is(value: Any) -> Written:  # noqa: ANN401 - the kinds below pair each reader with its writer
    return value  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value.

    Args:
        read: the checked value from what a source gave; raises ValueError with the reason and the remedy.
        write: what to put into a file so that `read` gives the value again.
        spelled: what `read` takes, from the text of a variable or ``--set``.
    """

    read: Callable[[object], object]
    write: Callable[[Any], Written] = _as_it_is
    spelled: Callable[[str], object] = toml_or_text


def shown(value: object) -> str:
    """`value` for an error message, shortened, without passwords, in TOML's spelling of text and switches."""
    if isinstance(value, bool):
        return str(value).lower()
    try:
        return _without_user(value) or reprlib.repr(value)
    except ValueError:  # Python converts no integer of more than 4300 digits
        return "this number"


def _without_user(value: object) -> str:
    # Before shortening, which may cut off the "@" and leave the password.
    try:
        text = value if isinstance(value, str) else repr(value)
    except RecursionError:
        return ""
    return reprlib.repr(without_user(text)) if "@" in text else ""


def write_duration(seconds: float) -> str:
    """`seconds` as text that `parse_duration` reads back exactly."""
    short, exact = format_duration(seconds), f"{Decimal(repr(seconds)):f}s"
    try:
        return short if parse_duration(short) == seconds else exact
    except ValueError:  # an exponent, as in "1e-07ms"
        return exact


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"{shown(value)} is not text: write it in quotes")
    return value.strip()


def _duration(value: object) -> float:
    if not isinstance(value, int | float | str) or isinstance(value, bool):
        raise ConfigError(f"{shown(value)} is not a duration: write seconds (0.25) or text like '250ms', '2s', '5m'")
    # A number is compared as it is: one of thousands of digits fits no float and cannot be printed.
    seconds = math.inf if not isinstance(value, str) and value > LONGEST else parse_duration(value)
    if seconds > LONGEST:
        raise ConfigError(f"{shown(value)} is longer than a day: write 24h or less")
    return seconds


def _bound(value: object) -> float:
    seconds = _duration(value)
    if seconds == 0:
        raise ConfigError(f"{shown(value)} leaves no time at all: write a duration above zero")
    return seconds


def _switch(value: object) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{shown(value)} is not a switch: write true or false")
    return value


def _optional(off: str) -> Callable[[object], float | None]:
    def read(value: object) -> float | None:
        if value is False or value is None:
            return None
        try:
            return _bound(value)
        except ValueError as exc:
            raise ConfigError(f"{exc}, or false for {off}") from None

    return read


def _folder(value: object) -> str:
    text = str(value) if isinstance(value, PurePath) else _text(value)
    if "\0" in text:
        raise ConfigError(f"{shown(text)} is not a folder: a path has no zero bytes")
    return text


def _backoff(value: object) -> Backoff:
    first, dots, limit = value.partition("..") if isinstance(value, str) else ("", "", "")
    if not dots:
        raise ConfigError(f"{shown(value)} is not a range of durations: write text like '25ms..1s'")
    return Backoff(_duration(first), _duration(limit))


def _whole(least: int, most: int | None = None) -> Callable[[object], int]:
    span = f"of at least {least}" if most is None else f"from {least} to {most}"

    def read(value: object) -> int:
        if type(value) is not int or value < least or (most is not None and value > most):
            raise ConfigError(f"{shown(value)} is out of place: write a whole number {span}")
        return value

    return read


def _number(most: float, instead: str) -> Callable[[object], float]:
    def read(value: object) -> float:
        percent = _PERCENT.fullmatch(value) if isinstance(value, str) and most == 1 else None
        number = float(percent[1]) / 100 if percent else value
        if type(number) not in (int, float) or not 0 <= number <= most:  # type: ignore[operator]
            raise ConfigError(f"{shown(value)} is out of place: write {instead}")
        return float(number)  # type: ignore[arg-type]

    return read


def _one_of(*words: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if value not in words:
            raise ConfigError(f"{shown(value)} is unknown: write {' or '.join(words)}")
        return str(value)

    return read


def _balancer(value: object) -> str:
    if not isinstance(value, str) or not _BALANCER.fullmatch(value):
        raise ConfigError(
            f"{shown(value)} is not a balancer's name: write one such as p2c, round_robin or least_request"
        )
    return value


def _texts(pattern: re.Pattern[str], fold: Callable[[str], str], instead: str) -> Callable[[object], tuple[str, ...]]:
    def read(value: object) -> tuple[str, ...]:
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{shown(value)} is not a list: write {instead}")
        folded = [fold(item.strip()) if isinstance(item, str) else "" for item in value]
        for item, text in zip(value, folded, strict=True):
            if not pattern.fullmatch(text):
                raise ConfigError(f"{shown(item)} does not belong in this list: write {instead}")
        return tuple(dict.fromkeys(folded))

    return read


def _endpoints(value: object) -> tuple[Endpoint, ...]:
    items = _parts(value) if isinstance(value, str) else value
    if not isinstance(items, list | tuple):
        raise ConfigError(f"{shown(value)} is not a list: write ['http://10.0.0.1:8080']")
    for index, item in enumerate(items):
        # First: where a password has a comma, the items before are parts of it.
        if isinstance(item, str) and "@" in item:
            _listed(item, index)
    endpoints: list[Endpoint] = []
    for index, item in enumerate(items):
        endpoints += [item] if isinstance(item, Endpoint) else _listed(item, index)
    keys = set()
    for endpoint in endpoints:
        if endpoint.key in keys:
            raise ConfigError(f"{endpoint} stands there twice: an instance is listed once, with a weight if need be")
        keys.add(endpoint.key)
    return tuple(endpoints)


def _listed(item: object, index: int) -> tuple[Endpoint, ...]:
    try:
        return parse_endpoints([item], "")
    except ValueError as exc:
        reason = str(exc).removeprefix("[0]: ")
        raise ConfigError(f"[{index}]: {reason}") from None


def _write_endpoint(endpoint: Endpoint) -> Written:
    if Endpoint.parse(endpoint.url, sockets=True) == endpoint:
        return endpoint.url
    plain = Endpoint(endpoint.host, endpoint.port, is_socket=endpoint.is_socket)
    values = {each.name: getattr(endpoint, each.name) for each in fields(Endpoint)}
    needed = (
        {"host", "port"}
        | ({"is_socket"} if endpoint.is_socket else set())
        | {name for name, value in values.items() if value != getattr(plain, name)}
    )
    return {name: _plain(value) for name, value in values.items() if name in needed}


def _write_optional(seconds: float | None) -> Written:
    return False if seconds is None else write_duration(seconds)


def _plain(value: Any) -> Written:  # noqa: ANN401 - a field of Endpoint
    if isinstance(value, Mapping):
        return dict(value)
    return str(value) if isinstance(value, str) else value


TEXT = Kind(_text, spelled=str)
FOLDER = Kind(_folder, spelled=str)
MODE = Kind(_one_of(*_MODES), spelled=str)
BALANCER = Kind(_balancer, spelled=str)
BOUND = Kind(_bound, write_duration)
OPTIONAL_BOUND = Kind(_optional("no bound"), _write_optional, spelled=switch_or_value)
OPTIONAL_SPAN = Kind(_optional("never"), _write_optional, spelled=switch_or_value)
SWITCH = Kind(_switch, spelled=switch_or_value)
BACKOFF = Kind(_backoff, lambda value: f"{write_duration(value.first)}..{write_duration(value.limit)}", spelled=str)
ATTEMPTS = Kind(_whole(1, 10))
COUNT = Kind(_whole(1))
PLACE = Kind(_whole(0))
RATIO = Kind(_number(1, "a number from 0 to 1, or text like '20%'"))
RATE = Kind(_number(_RATE_LIMIT, "a number per second from 0 to 1000000"))
METHODS = Kind(_texts(_METHOD, str.upper, "methods such as ['POST']"), spelled=listed_or_texts)
DOMAINS = Kind(_texts(_DOMAIN, str.lower, "domains such as ['mesh', 'internal.example.com']"), spelled=listed_or_texts)
ENDPOINTS = Kind(_endpoints, lambda value: tuple(map(_write_endpoint, value)), spelled=listed_or_texts)
