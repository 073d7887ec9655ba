"""The name of a service, as it stands in a URL and in a registry.

HTTP hosts are case-insensitive while registries mostly are not, so a name is folded to lower case once, here, and a
resolver whose registry spells it otherwise (Eureka: capitals) translates at its own edge.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_VALID = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_])?")


@dataclass(frozen=True, slots=True, order=True)
class ServiceName:
    """A validated, lower-case service name of 1 to 253 characters.

    Letters, digits, ``_``, ``-`` and ``.`` are allowed; underscores because Consul, Eureka and SRV owners use them
    although RFC 1123 host names do not. Raises ValueError for anything else.
    """

    value: str

    def __post_init__(self) -> None:
        if not _VALID.fullmatch(self.value) or ".." in self.value:
            msg = (
                f"{self.value!r} is not a service name: use 1 to 253 letters, digits, '_', '-' or single dots, "
                "beginning and ending with a letter, digit or '_' (ServiceName.parse folds capitals)"
            )
            raise ValueError(msg)

    @classmethod
    def parse(cls, text: str) -> ServiceName:
        """The name in `text`, folded to lower case; a trailing dot (absolute DNS name) is dropped."""
        return cls(text.strip().lower().removesuffix("."))

    def __str__(self) -> str:
        return self.value
