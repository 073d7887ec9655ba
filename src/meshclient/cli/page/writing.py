"""Puts a page where it was asked for: all of it or nothing."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from meshclient.cli.complaint import CommandError, Complaint
from meshclient.cli.exit_status import ExitStatus
from meshclient.cli.page.document import page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshclient.cli.page.document import Section


def write_page(path: str | Path, title: str, sections: Sequence[Section]) -> None:
    """Write a self-contained page to `path`, in place of what is there.

    A reader of `path` finds the old page or the new one, never a part. Raises CommandError where it cannot be written.
    """
    text = page(title, sections, written=datetime.now(UTC))
    target = Path(path)
    try:
        if target.exists() and not target.is_file():
            # A pipe or /dev/stdout cannot be replaced.
            target.write_text(text, encoding="utf-8")
            return
        # What a link points to is replaced, and not the link.
        target = target.resolve()
        partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
        try:
            partial.write_text(text, encoding="utf-8")
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise _refused(Path(path), error.strerror or str(error)) from None


def must_be_writable(path: str | Path) -> None:
    """To be asked before a long run whose page it is. Raises CommandError where `path` cannot be written."""
    target = Path(path).resolve()
    if target.is_dir():
        raise _refused(Path(path), "it is a folder")
    if not target.parent.is_dir():
        raise _refused(Path(path), f"there is no folder {target.parent}")
    if not os.access(target if target.exists() and not target.is_file() else target.parent, os.W_OK):
        raise _refused(Path(path), "permission denied")


def _refused(path: Path, why: str) -> CommandError:
    what = f"the page cannot be written to {str(path)!r}"
    fix = "name a file in a folder that exists and that you may write to, such as --html report.html"
    return CommandError(Complaint(ExitStatus.USAGE, what, why, fix))
