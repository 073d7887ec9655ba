"""Taking what happened apart from what to do about it, in sentences that the library writes for both at once."""

from __future__ import annotations

import re

# A remedy begins with a verb in the imperative, or with a suggestion.
_REMEDY = re.compile(
    r"(?:; |: |\. |, )(?=(?:did you mean|write|use|lower|raise|set|leave|unset|create|correct|say|keep|name|remove|"
    r"register|renew|load|have|replace|give|pip install|uninstall|known here|there are|check)\b)",
    re.IGNORECASE,
)


def parted(text: str) -> tuple[str, str]:
    """(What happened, what to do) of `text`; the second is empty where the text does not say."""
    text = " ".join(text.split())
    found = _REMEDY.search(text)
    if found is None:
        return text, ""
    return text[: found.start()], text[found.end() :]


def listed(names: list[str], most: int = 3) -> str:
    """Some names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def plural(count: int, noun: str) -> str:
    """``1 service``, ``2 services``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
