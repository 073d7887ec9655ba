"""HTTP/2, which httpx's transport speaks where a package of its own is installed."""

from __future__ import annotations

from meshclient.errors import ConfigError


def require_h2(service: str) -> None:
    """Raises ConfigError where HTTP/2 cannot be spoken: httpx says so for clients, and for transports it does not."""
    try:
        import h2  # type: ignore[import-not-found,unused-ignore]  # noqa: F401
    except ImportError:
        msg = f"service {service!r}: http2 = true needs the package h2: install meshclient[http2]"
        raise ConfigError(msg) from None
