"""Whether a distribution may bring an entry point, told without importlib.metadata.

That costs a start of tens of milliseconds, e-mail parser included, and what is built in needs it only to see that
nobody else claims its name. Here "yes" means "look closer", and so does everything that is out of the ordinary.
"""

from __future__ import annotations

import os
import re
import sys
from importlib.machinery import PathFinder


def may_be_claimed(group: str, name: str) -> bool:
    """False where no installed distribution has an entry point called `name` in `group`; True where one might."""
    if any(hasattr(finder, "find_distributions") and finder is not PathFinder for finder in sys.meta_path):
        return True
    section = rf"^[ \t]*\[{re.escape(group)}\](?:(?!^[ \t]*\[).)*?^[ \t]*{re.escape(name)}[ \t]*="
    wanted = re.compile(section, re.MULTILINE | re.DOTALL)
    try:
        return any(wanted.search(text) for folder in sys.path for text in _points(folder or os.curdir))
    except (OSError, ValueError):
        return True


def _points(folder: str) -> list[str]:
    """The texts that tell of entry points in `folder`. Raises OSError for an archive, and for what cannot be read."""
    if folder.endswith(".egg"):
        raise NotADirectoryError(folder)
    found: list[str] = []
    try:
        entries = os.scandir(folder)
    except FileNotFoundError:
        return found
    with entries:
        for entry in entries:
            if entry.name.endswith((".dist-info", ".egg-info")):
                try:
                    with open(os.path.join(entry.path, "entry_points.txt"), encoding="utf-8") as file:  # noqa: PTH118, PTH123 - of hundreds
                        found.append(file.read())
                except FileNotFoundError:
                    continue
            elif entry.name.endswith(".egg"):
                raise NotADirectoryError(entry.path)
    return found
