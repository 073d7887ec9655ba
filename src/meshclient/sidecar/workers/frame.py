"""Messages between the supervisor and its workers: JSON behind its length. Both ends are the same program."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

_LENGTH = 4


def pack(message: Mapping[str, object]) -> bytes:
    """The bytes of `message`."""
    return sized(json.dumps(message, separators=(",", ":")).encode())


def sized(content: bytes) -> bytes:
    """`content` behind its length."""
    return len(content).to_bytes(_LENGTH) + content


async def receive(reader: asyncio.StreamReader) -> dict[str, Any] | None:
    """The next message, or None at the end."""
    try:
        length = int.from_bytes(await reader.readexactly(_LENGTH))
        message: dict[str, Any] = json.loads(await reader.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    return message
