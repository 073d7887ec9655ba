"""The mesh's options, held against what is known of them where they are written down, not when a call is made."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

from meshclient.errors import ConfigError
from meshclient.http.options import check_options
from meshclient.rpc.arguments import CALL_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

# The beginning of what a call would say of a value.
_AT = re.compile(r"""extensions\["mesh"\]\['(\w+)'\]""")


def checked(options: Mapping[str, object], where: str) -> dict[str, object]:
    """`options`; raises ConfigError for a key that is none, or a value that no call takes."""
    for key in options:
        if key not in CALL_OPTIONS:
            close = get_close_matches(key, CALL_OPTIONS, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(CALL_OPTIONS))}"
            msg = f"{where} has no option {key!r}; {hint}"
            raise ConfigError(msg)
    try:
        check_options(options)
    except ConfigError as exc:
        msg = f"{where}: option {_AT.sub(lambda found: found[1], str(exc), 1)}"
        raise ConfigError(msg) from None
    return dict(options)
