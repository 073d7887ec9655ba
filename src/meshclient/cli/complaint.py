"""An error as a person reads it: what happened, why, and what to do.

The library's messages end with the next step, after a semicolon; here they are laid out in lines, and nothing of them
is dropped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient.cli.exit_status import ExitStatus, exit_status
from meshclient.errors import MeshError

if TYPE_CHECKING:
    from collections.abc import Sequence

_NO_RESOLVER = """\
name a registry, as by `--resolver consul://127.0.0.1:8500`, or write a meshclient.toml of two lines:

    # meshclient.toml
    [services.{}]
    endpoints = ["http://127.0.0.1:8080"]
"""
# Other names would need quotes there.
_BARE = re.compile(r"[\w-]+")

# For errors that httpx raises as they are, and that therefore say nothing of a next step.
_NEXT_STEP = {
    ExitStatus.TIMEOUT: "see where the time went with --trace; allow more with --deadline or attempt_timeout",
    ExitStatus.USAGE: "write mesh://<service>/<path>, http://<service>/<path> or <service>/<path>",
    ExitStatus.NETWORK: "see every attempt with --trace, and what is listed with `meshclient resolve`",
}


@dataclass(frozen=True, slots=True)
class Complaint:
    """Why a command did not do what it was asked.

    Args:
        status: the exit code.
        what: what happened, in a line.
        why: the reason, as far as it is known.
        fix: what to do next.
    """

    status: ExitStatus
    what: str
    why: str = ""
    fix: str = ""

    def __str__(self) -> str:
        lines = [self.what]
        lines += [f"  why: {self.why}"] if self.why else []
        lines += [f"  fix: {self.fix.rstrip()}"] if self.fix else []
        return "\n".join(lines)


class CommandError(Exception):
    """Ends a command with a complaint."""

    def __init__(self, complaint: Complaint) -> None:
        super().__init__(complaint.what)
        self.complaint = complaint


def no_resolver(service: str, listed: Sequence[str] = ()) -> CommandError:
    """Nobody can be asked for `service`; `listed` are services whose endpoints the configuration has."""
    why = f"the configuration names neither a resolver nor endpoints of {service!r}"
    if listed:
        from difflib import get_close_matches

        close = get_close_matches(service, listed, 1)
        meant = f"did you mean {close[0]!r}?" if close else f"it lists {', '.join(map(repr, listed))}"
        fix = f"{meant} For other services name a resolver, such as --resolver dns://"
        return CommandError(Complaint(ExitStatus.USAGE, f"nobody to ask for {service!r}", why, fix))
    fix = _NO_RESOLVER.format(service if _BARE.fullmatch(service) else "orders")
    return CommandError(Complaint(ExitStatus.USAGE, "no resolver configured", why, fix))


def complaint_of(error: Exception) -> Complaint:
    """What to say of `error`."""
    if isinstance(error, CommandError):
        return error.complaint
    status, text = exit_status(error), str(error) or type(error).__name__
    if isinstance(error, MeshError):
        what, *why, fix = text.split("; ") if error.mesh is not None else (text, "")
        return Complaint(status, what, "; ".join(why), fix)
    if status is ExitStatus.FAILED:
        return Complaint(status, f"{type(error).__name__}: {text}", fix="see where with -v")
    notes = "; ".join(note.removeprefix("meshclient: ") for note in getattr(error, "__notes__", ()))
    return Complaint(status, f"{type(error).__name__}: {text}", notes, _NEXT_STEP[status])
