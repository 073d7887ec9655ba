"""A real browser without a screen: Debian's Chromium, driven by Playwright.

Playwright would fetch a browser of its own from elsewhere; it is told to use this one, and fetches nothing.
By hand: `PYTHONPATH=tests python -m servers.chromium URL PICTURE.png`.
"""

from __future__ import annotations

import argparse
import os
import re
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from servers.census import census
from servers.errors import NotInstalledError, ServerError
from servers.packages import apt_install, find_program, first_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

_PACKAGE = _PROGRAM = "chromium"
# Without any font a page has no text.
_FONT = "fonts-dejavu-core"


def install() -> Path:
    """The path of Chromium, installed from Debian where it is missing (that needs root)."""
    found = find_program(_PROGRAM)
    if found is None:
        apt_install([_PACKAGE, _FONT])
        found = find_program(_PROGRAM)
    if found is None:
        raise ServerError(f"{_PROGRAM} is missing after its installation")
    return Path(found)


@cache
def program_version(program: str | Path) -> str:
    """`156.0.8078.79`, as the program says itself."""
    found = re.search(r"(\d+(\.\d+)+)", first_line([str(program), "--version"]))
    return found[1] if found else "of unknown version"


def missing() -> str | None:
    """How to get what is not here, or None."""
    if find_program(_PROGRAM) is None:
        return "no chromium: run `python tests/servers/install.py`"
    return None if find_spec("playwright") else "no playwright: `make test` installs it"


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser of its own, until the end of the block. Raises NotInstalledError."""
    lack = missing()
    if lack is not None:
        raise NotInstalledError(lack)
    from playwright.sync_api import sync_playwright

    program = find_program(_PROGRAM) or _PROGRAM
    census.used(_PACKAGE, program_version(program))
    # Its sandbox needs rights that root in a container has not; it loads pages of ours alone. What /dev/shm lacks goes
    # to /tmp.
    arguments = ["--disable-dev-shm-usage", "--disable-gpu", *(["--no-sandbox"] if os.getuid() == 0 else [])]
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=arguments)
        try:
            yield running
        finally:
            running.close()


def main() -> None:
    """Take a picture of a page."""
    parser = argparse.ArgumentParser(description="A picture of a page")
    parser.add_argument("url")
    parser.add_argument("picture", type=Path)
    arguments = parser.parse_args()
    with browser() as running:
        page = running.new_page()
        page.goto(arguments.url)
        page.screenshot(path=arguments.picture)


if __name__ == "__main__":
    main()
