"""A class that cannot be made a stub of."""

from __future__ import annotations

from meshclient.errors import ConfigError


class StubError(ConfigError):
    """An interface, one of its methods or parameters cannot be called over HTTP; the text says what to write."""
