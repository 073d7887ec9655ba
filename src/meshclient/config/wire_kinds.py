"""The kinds of value that say how endpoints are connected to."""

from __future__ import annotations

import ipaddress
import re
from decimal import Decimal
from pathlib import PurePath

from meshclient.config.kinds import Kind, Written, shown, switch_or_value
from meshclient.errors import ConfigError

ENGINES = ("builtin", "httpx")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
# The units of ISO 80000-13: a decimal kilobyte is 1000 bytes, a binary one 1024.
_UNITS = {"GiB": 2**30, "GB": 10**9, "MiB": 2**20, "MB": 10**6, "KiB": 2**10, "KB": 10**3, "B": 1}
_BYTES = {unit.lower(): size for unit, size in _UNITS.items()}
_SIZE = re.compile(r"([0-9]{1,19}(?:\.[0-9]{1,9})?)\s*([KMG]i?B|B)?", re.IGNORECASE)
# As far as counts of bytes go on any system.
_LARGEST = 2**63 - 1


def _file(value: object) -> str:
    text = str(value) if isinstance(value, PurePath) else value
    if not isinstance(text, str):
        raise ConfigError(f"{shown(value)} is not a path: write text such as '/etc/tls/ca.pem'")
    if "\0" in text or text.lstrip().startswith("-----BEGIN"):
        raise ConfigError("what is given is not a path: write that of a PEM file, such as '/etc/tls/ca.pem'")
    return text.strip()


def _identity(value: object) -> str:
    text = value.strip().lower() if isinstance(value, str) else "?"
    if text and not _HOST.fullmatch(text):
        try:
            ipaddress.ip_address(text)
        except ValueError:
            raise ConfigError(
                f"{shown(value)} is not a host name or address, which is what certificates are checked for: write one "
                "such as 'orders.internal'"
            ) from None
    return text


def _size(value: object) -> int:
    if value is False or value is None:
        return 0
    size = value
    if isinstance(value, str) and (found := _SIZE.fullmatch(value.strip())):
        # A part of a byte is cut off.
        size = int(Decimal(found[1]) * _BYTES[(found[2] or "B").lower()])
    if type(size) is not int or not 0 <= size <= _LARGEST:
        raise ConfigError(
            f"{shown(value)} is not a size: write bytes (65536), text like '64KiB' or '10MB', or 0 for any size"
        )
    return size


def _write_size(size: int) -> Written:
    """In the unit that needs the fewest digits."""
    return min((f"{size // unit}{name}" for name, unit in _UNITS.items() if size % unit == 0), key=len) if size else 0


def _engine(value: object) -> str:
    if value not in ENGINES:
        raise ConfigError(f"{shown(value)} is unknown: write {' or '.join(ENGINES)}")
    return str(value)


FILE = Kind(_file, spelled=str)
IDENTITY = Kind(_identity, spelled=str)
SIZE = Kind(_size, _write_size, spelled=switch_or_value)
ENGINE = Kind(_engine, spelled=str)
