"""Whether a missing server is a failure or a reason to skip."""

from __future__ import annotations

import os

_TRUE = frozenset({"1", "true", "yes", "on"})


def required() -> bool:
    """True under `CI=true` or `MESHCLIENT_REQUIRE_SERVERS=1`: there, every real server must run."""
    return any(os.environ.get(name, "").lower() in _TRUE for name in ("CI", "MESHCLIENT_REQUIRE_SERVERS"))
