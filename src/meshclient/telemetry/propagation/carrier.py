"""Headers as they come, by name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshclient.telemetry.propagation.propagator import Headers


def gathered(headers: Headers, names: Collection[str]) -> dict[str, list[str]]:
    """The values of those of `headers` that are among `names` (lower case), in their order and without white space."""
    found: dict[str, list[str]] = {}
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        key = (name.decode("latin-1") if isinstance(name, bytes) else name).lower()
        if key in names:
            text = value.decode("latin-1") if isinstance(value, bytes) else value
            # Messages of queues have attributes of other types.
            if isinstance(text, str):
                found.setdefault(key, []).append(text.strip(" \t"))
    return found


def only(values: list[str] | None) -> str:
    """The value of a header that may stand there once; "" where it is missing or stands there twice."""
    return values[0] if values is not None and len(values) == 1 else ""
