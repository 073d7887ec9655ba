"""The configuration with its origins, without secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from meshclient.discovery.resolver import SECRETS

if TYPE_CHECKING:
    from meshclient.config.loaded import Loaded

MASK = "***"
_WORDS = "|".join((*SECRETS, "passw", "pwd", "credential", "signature", "api[_-]?key", "access[_-]?key"))
# Of a setting; a file that holds a secret is named so as well, and where it is is for nobody else to know.
_KEY = re.compile(rf"(?i)(?:^|[._-])(?:{_WORDS})")
# Of an address, wherever one stands in a text: the user, and options like those that `ResolverUri` leaves out.
_USER = re.compile(r"(?<=//)[^/?#\s]*@")
_OPTION = re.compile(rf"(?i)([?&][^=&\s]*(?:{_WORDS})[^=&\s]*=)[^&\s|)]+")


def settings_document(loaded: Loaded) -> dict[str, object]:
    """As ``meshclient config show -o json`` writes it, in the order of the paths."""
    return {
        "file": str(loaded.file) if loaded.file else None,
        "settings": [
            {
                "path": setting.path,
                "value": MASK if _hides(setting.path, setting.value) else masked(setting.value),
                "origin": {"layer": str(setting.origin.layer), "detail": setting.origin.detail or None},
            }
            for setting in loaded.settings
        ],
        "warnings": list(loaded.warnings),
    }


def masked(value: object) -> object:
    """`value` without users, passwords and keys, at whatever depth."""
    if isinstance(value, str):
        return _OPTION.sub(rf"\1{MASK}", _USER.sub(f"{MASK}@", value))
    if isinstance(value, Mapping):
        return {key: MASK if _hides(str(key), inner) else masked(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return [masked(inner) for inner in value]
    return value if isinstance(value, bool | int | float | None) else str(value)


def _hides(path: str, value: object) -> bool:
    return isinstance(value, str) and bool(value) and _KEY.search(path) is not None
