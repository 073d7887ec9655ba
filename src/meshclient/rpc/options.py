"""The mesh's options, held against what is known of them where they are written down, not when a call is made."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from meshclient.errors import ConfigError
from meshclient.rpc.arguments import CALL_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping


def checked(options: Mapping[str, object], where: str) -> dict[str, object]:
    """`options`; raises ConfigError for a key that is none. Values are checked by the call."""
    for key in options:
        if key not in CALL_OPTIONS:
            close = get_close_matches(key, CALL_OPTIONS, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(CALL_OPTIONS))}"
            msg = f"{where} has no option {key!r}; {hint}"
            raise ConfigError(msg)
    return dict(options)
