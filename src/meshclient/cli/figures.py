"""Numbers of a running process as people read them; what is not known is empty, which tables show as a dash."""

from __future__ import annotations

from meshclient.model.duration import format_duration


def rate(value: float | None) -> str:
    """Of calls in a second."""
    return "" if value is None else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def percent(value: float | None) -> str:
    """A part of the whole; nothing but the whole is shown as 100%, and nothing but nothing as 0%."""
    if value is None:
        return ""
    if value <= 0 or value >= 1:
        return f"{value:.0%}"
    return {"100.0%": "99.9%", "0.0%": "0.1%"}.get(f"{value:.1%}", f"{value:.1%}")


def latency(seconds: float | None) -> str:
    """In three digits at most."""
    if seconds is None:
        return ""
    if seconds >= 1:
        return f"{seconds:.2f}s" if seconds < 10 else f"{seconds:.0f}s"
    milliseconds = seconds * 1000
    return f"{milliseconds:.0f}ms" if milliseconds >= 10 else f"{milliseconds:.1f}ms"


def span(seconds: float | None) -> str:
    """A longer time, in its two largest units."""
    if seconds is None:
        return ""
    if seconds < 60:
        return format_duration(round(seconds, 1) if seconds >= 10 else seconds)
    for size, unit, below, part in ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if seconds >= size:
            whole, rest = divmod(int(seconds), size)
            return f"{whole}{unit} {rest // below}{part}" if rest >= below else f"{whole}{unit}"
    return ""


def count(value: int | None) -> str:
    """How many."""
    return "" if value is None else str(value)
