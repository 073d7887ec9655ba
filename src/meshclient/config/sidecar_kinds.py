"""The kinds of value that say how the sidecar listens and what it lets through."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from meshclient.config.kinds import LONGEST, Kind, Written, listed_or_texts, shown, switch_or_value, write_duration
from meshclient.config.wire_kinds import SIZE
from meshclient.errors import ConfigError
from meshclient.model.duration import parse_duration
from meshclient.model.listening import Listening
from meshclient.model.service import ServiceName

DATA_PLANES = ("builtin", "envoy")
ACCESS_LOGS = ("json",)
# As many as there may reasonably be processors; each is a process with connections of its own.
_MOST_WORKERS = 256
_SMALLEST_HEAD = 256
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_PREFIX = re.compile(r'/[!"$-)+->@-~]*')
_PATH = re.compile(r'/[!"$->@-~]*(?:\?[!"$-~]*)?')
_TARGET = re.compile(
    r"(?:\*\.)?[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_])?(?::[0-9]{1,5})?|\[[0-9a-f:.]+\](?::[0-9]{1,5})?"
)
_TAG = re.compile(r"\S(?:.*\S)?")


def _address(*, off: bool) -> Callable[[object], str]:
    def read(value: object) -> str:
        text = "" if value is False or value is None else value
        if not isinstance(text, str):
            raise ConfigError(f"{shown(value)} is not an address: write one such as '127.0.0.1:7140'")
        if not text.strip() and off:
            return ""
        return str(Listening.parse(text))

    return read


def _service(value: object) -> str:
    if value is False or value is None:
        return ""
    if not isinstance(value, str):
        raise ConfigError(f"{shown(value)} is not a service's name: write text such as 'orders'")
    return ServiceName.parse(value).value if value.strip() else ""


def _prefixes(value: object) -> Mapping[str, str]:
    if value is False or value is None:
        return {}
    example = "{ '/orders/' = 'orders' }"
    if not isinstance(value, Mapping):
        raise ConfigError(f"{shown(value)} is not a table: write {example}")
    found = {}
    for prefix, service in value.items():
        if not isinstance(prefix, str) or not _PREFIX.fullmatch(prefix):
            raise ConfigError(f"{shown(prefix)} is not the beginning of a path: write {example}")
        name = _service(service)
        if not name:
            raise ConfigError(f"{shown(prefix)} leads nowhere: write {example}")
        found[prefix] = name
    return found


def _targets(value: object) -> tuple[str, ...]:
    if value is False or value is None:
        return ()
    instead = "hosts such as ['api.example.com:443', '*.internal']"
    if not isinstance(value, list | tuple):
        raise ConfigError(f"{shown(value)} is not a list: write {instead}, or [] for none")
    folded = [item.strip().lower() if isinstance(item, str) else "" for item in value]
    for item, text in zip(value, folded, strict=True):
        port = text.rpartition(":")[2] if not text.endswith("]") and ":" in text else "1"
        if not _TARGET.fullmatch(text) or not 0 < int(port) < 65536:
            raise ConfigError(f"{shown(item)} does not belong in this list: write {instead}")
    return tuple(dict.fromkeys(folded))


def _tags(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(t, str) and _TAG.fullmatch(t.strip()) for t in value):
        raise ConfigError(f"{shown(value)} is not a list of labels: write ['blue', 'v2']")
    return tuple(dict.fromkeys(tag.strip() for tag in value))


def _head(value: object) -> int:
    size = SIZE.read(value)
    if not isinstance(size, int) or size < _SMALLEST_HEAD:
        raise ConfigError(
            f"{shown(value)} leaves no room for a request: write {_SMALLEST_HEAD}B or more, such as '32KiB'"
        )
    return size


def _workers(value: object) -> int:
    if type(value) is not int or not 1 <= value <= _MOST_WORKERS:
        raise ConfigError(f"{shown(value)} is out of place: write a whole number from 1 to {_MOST_WORKERS}")
    return value


def _port(value: object) -> int:
    if type(value) is not int or not 0 <= value < 65536:
        raise ConfigError(f"{shown(value)} is not a port: write a whole number from 0 to 65535")
    return value


def _via(value: object) -> str:
    if value is False or value is None or value == "":
        return ""
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise ConfigError(
            f"{shown(value)} is no pseudonym for Via (RFC 9110, 7.6.3): write one word such as 'meshclient'"
        )
    return value


def _access_log(value: object) -> str:
    if value is False or value is None or value == "":
        return ""
    if value is True:
        return ACCESS_LOGS[0]
    if value not in ACCESS_LOGS:
        raise ConfigError(f"{shown(value)} is unknown: write 'json', or false for none")
    return str(value)


def _health(value: object) -> str:
    if value is False or value is None or value == "":
        return ""
    if not isinstance(value, str) or not _PATH.fullmatch(value):
        raise ConfigError(f"{shown(value)} is not a path: write one such as '/healthz', or '' for a TCP connection")
    return value


def _data_plane(value: object) -> str:
    if value not in DATA_PLANES:
        raise ConfigError(f"{shown(value)} is unknown: write {' or '.join(DATA_PLANES)}")
    return str(value)


def _pause(value: object) -> float:
    """A duration, or none at all."""
    if value is False or value is None:
        return 0.0
    if not isinstance(value, int | float | str) or isinstance(value, bool):
        raise ConfigError(f"{shown(value)} is not a duration: write seconds (10) or text like '10s', or 0 for none")
    # A number is compared as it is: one of thousands of digits fits no float.
    seconds = LONGEST + 1 if not isinstance(value, str) and value > LONGEST else parse_duration(value)
    if seconds > LONGEST:
        raise ConfigError(f"{shown(value)} is longer than a day: write 24h or less")
    return seconds


def _optional_pause(value: object) -> float | None:
    return None if value is None or value == "" else _pause(value)


def _write_or_off(text: str) -> Written:
    return text or False


ADDRESS = Kind(_address(off=False), spelled=str)
OPTIONAL_ADDRESS = Kind(_address(off=True), _write_or_off, spelled=switch_or_value)
SERVICE = Kind(_service, spelled=str)
PREFIXES = Kind(_prefixes, dict)
TARGETS = Kind(_targets, spelled=listed_or_texts)
TAGS = Kind(_tags, spelled=listed_or_texts)
HEAD = Kind(_head, SIZE.write)
PAUSE = Kind(_pause, write_duration, spelled=switch_or_value)
OPTIONAL_PAUSE = Kind(
    _optional_pause, lambda value: "" if value is None else write_duration(value), spelled=switch_or_value
)
WORKERS = Kind(_workers)
PORT = Kind(_port)
VIA = Kind(_via, _write_or_off, spelled=switch_or_value)
ACCESS_LOG = Kind(_access_log, _write_or_off, spelled=switch_or_value)
HEALTH = Kind(_health, spelled=str)
DATA_PLANE = Kind(_data_plane, spelled=str)
