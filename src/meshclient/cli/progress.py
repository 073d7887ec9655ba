"""How far a command has come, told to a person on standard error once it takes longer than a second.

On a terminal one line is written again and again; elsewhere, such as in the log of a CI job, a line now and then.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Self

import click

from meshclient.cli.render import printable

if TYPE_CHECKING:
    from collections.abc import Callable

# Seconds of silence: what is done by then needs no progress.
_SILENT = 1.0
# Four times a second is as often as a person reads a changing number.
_REDRAW = 0.25
# Seconds between lines where they stay; the time between two grows with what has passed.
_LINES = 5.0
_CLEAR = "\r\x1b[K"


class Progress:
    """To be told often, from one thread; says something seldom. A context manager.

    Args:
        quiet: says nothing at all.
    """

    def __init__(self, *, quiet: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._quiet = quiet
        self._clock = clock
        self._begun = clock()
        self._next = self._begun + _SILENT
        self._drawn = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def tell(self, text: Callable[[], str]) -> None:
        """Say `text` if it is time to."""
        now = self._clock()
        if self._quiet or now < self._next:
            return
        if sys.stderr.isatty():
            self._next = now + _REDRAW
            self._drawn = True
            click.echo(f"{_CLEAR}{printable(text())}", nl=False, err=True)
        else:
            self._next = now + max(_LINES, (now - self._begun) / 2)
            click.echo(printable(text()), err=True)

    def clear(self) -> None:
        """Take the line off the terminal."""
        if self._drawn:
            self._drawn = False
            click.echo(_CLEAR, nl=False, err=True)
