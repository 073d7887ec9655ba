"""``meshclient resolve``: ``dig`` for services."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from meshclient.cli.complaint import CommandError, Complaint
from meshclient.cli.exit_status import ExitStatus
from meshclient.cli.invocation import Invocation, config_options, output_options
from meshclient.cli.listing import COLUMNS, age, age_text, brief, row, rows, snapshot_document, verdict
from meshclient.cli.one_shot import uncollected
from meshclient.cli.place import is_resolver, without_resolver
from meshclient.cli.render import Answer, Cell, Column, Sheet
from meshclient.cli.seconds import seconds
from meshclient.discovery.course import Basis
from meshclient.model.snapshot import Failed, Pending

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshclient.cli.exclusion import Exclusion
    from meshclient.cli.inquiry import Reply
    from meshclient.discovery.confluence import Confluence
    from meshclient.model.snapshot import Snapshot

SCHEMA = "meshclient.resolve/v1"
# Seconds that a registry, which has just answered, may take to tell which services it has.
SUGGESTING = 2.0
_WHY = Column("EXCLUDED")


@click.command()
@click.argument("words", metavar="[URI] NAME...", nargs=-1, required=True)
@click.option("--all", "everything", is_flag=True, help="Show what gets no calls as well, and why.")
@click.option("--timeout", default="5s", show_default=True, callback=seconds, help="How long to wait for each answer.")
@config_options
@output_options
@click.pass_obj
@uncollected()
def resolve(invocation: Invocation, words: tuple[str, ...], timeout: float, *, everything: bool) -> None:
    """Ask once where services are.

    Whom to ask stands in the configuration, in --resolver, or before the names:

    \b
        meshclient resolve orders
        meshclient resolve consul://127.0.0.1:8500 orders users
        meshclient resolve "file://mesh.toml | dns://" orders

    With several names the exit code is that of the first one that is not resolved. What a running process has ejected
    by itself is shown by `meshclient endpoints --admin`.
    """  # noqa: D301 - click's mark of lines that stay as they are
    renderer = invocation.renderer()
    names = _names(invocation, words)
    # A registry that is named here is asked whatever the configuration lists.
    replies = invocation.inquiry(words[0] if is_resolver(words[0]) else "").ask(names, timeout)
    excluded = [_excluded(invocation, reply) if everything else None for reply in replies]
    documents = [_document(reply, those) for reply, those in zip(replies, excluded, strict=True)]
    several = {"schema": "meshclient.resolve_list/v1", "services": documents}
    renderer.show(
        Answer(
            document=documents[0] if len(documents) == 1 else several,
            sheets=[_sheet(reply, those) for reply, those in zip(replies, excluded, strict=True)],
            names=[endpoint.url for reply in replies for endpoint in reply.snapshot.endpoints],
            lines=documents,
        )
    )
    complaints = [complaint for reply in replies if (complaint := _complaint(invocation, reply))]
    for complaint in complaints[1:]:
        click.echo(f"error: {complaint}", err=True)
    if complaints:
        raise CommandError(complaints[0])


def _names(invocation: Invocation, words: Sequence[str]) -> Sequence[str]:
    """The services among `words`. Raises the complaint, with those that are known, where there is none."""
    if names := without_resolver(invocation, words):
        return names
    from meshclient.cli.names import known_names

    known = known_names(invocation, ask=SUGGESTING)
    why = f"known are {_some(known)}" if known else "no service is named"
    fix = f"name one or more behind the URI, such as {known[0] if known else 'orders'}"
    raise CommandError(Complaint(ExitStatus.USAGE, "which service?", why, fix))


def _some(names: Sequence[str], most: int = 12) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _excluded(invocation: Invocation, reply: Reply) -> list[Exclusion]:
    from meshclient.cli.exclusion import exclusions

    return exclusions(invocation.loaded().config, reply.service, reply.snapshot)


def _document(reply: Reply, excluded: Sequence[Exclusion] | None) -> dict[str, object]:
    document = snapshot_document(reply.service, reply.snapshot, reply.now)
    return {
        "schema": SCHEMA,
        **document,
        "cause": reply.late or document["cause"],
        "took_seconds": reply.took,
        **past_document(reply.course, reply.now),
        "excluded": None if excluded is None else [each.document() for each in excluded],
    }


def _sheet(reply: Reply, excluded: Sequence[Exclusion] | None) -> Sheet:
    snapshot = reply.snapshot
    caption = [
        f"{reply.service}: {snapshot.state}",
        snapshot.source,
        f"version {snapshot.version}",
        age_text(age(snapshot, reply.now)),
        f"took {brief(reply.took)}",
        *past_text(reply.course, reply.now),
        *([reply.late] if reply.late else []),
    ]
    if excluded is None:
        count = left_out(snapshot)
        return Sheet(
            ", ".join([*caption, *([f"{count} left out (see --all)"] if count else [])]), COLUMNS, rows(snapshot)
        )
    why = {each.endpoint.key: each for each in excluded if each.endpoint}
    listed = {endpoint.key for endpoint in snapshot.endpoints}
    cells = [(*row(endpoint), "") for endpoint in snapshot.endpoints if endpoint.key not in why]
    cells += [
        (*(row(each.endpoint) if each.endpoint else (f"({each.label})", *[""] * (len(COLUMNS) - 1))), _reason(each))
        for each in sorted(excluded, key=lambda each: not (each.endpoint and each.endpoint.key in listed))
    ]
    caption.append(f"{len(excluded)} of {len(cells)} excluded")
    return Sheet(", ".join(caption), (*COLUMNS[:5], _WHY, *COLUMNS[5:]), [(*c[:5], c[-1], *c[5:-1]) for c in cells])


def _reason(exclusion: Exclusion) -> Cell:
    return Cell(exclusion.detail, "yellow")


def left_out(snapshot: Snapshot) -> int:
    """How many records the registry has that are not on the list, as far as its resolver tells."""
    answer = snapshot.last if isinstance(snapshot, Failed) else snapshot
    return 0 if answer is None or isinstance(answer, Pending) else len(answer.left_out)


def _complaint(invocation: Invocation, reply: Reply) -> Complaint | None:
    complaint = verdict(reply.service, reply.snapshot, "--timeout")
    if complaint is None:
        return None
    if reply.late:
        return replace(complaint, why=reply.late)
    if complaint.status is ExitStatus.NOT_FOUND:
        from meshclient.cli.names import suggestion

        return replace(complaint, fix=suggestion(invocation, reply.service, ask=SUGGESTING) or complaint.fix)
    if complaint.status is ExitStatus.NO_ENDPOINTS and left_out(reply.snapshot):
        return replace(complaint, fix="`--all` shows its instances, and why each of them gets no calls")
    return complaint


def past_document(course: Confluence, now: float) -> dict[str, object]:
    """Where a list comes from and what is kept in it, as JSON-ready data; `now` is the service's clock."""
    failed = course.snapshot if isinstance(course.snapshot, Failed) else None
    held = course.hold and {
        "removed": [endpoint.url for hold in course.holds for endpoint in hold.missing],
        "seconds_left": max(0.0, course.hold.until - now),
    }
    return {
        "from_disk": course.basis is Basis.DISK,
        "failed_seconds": max(0.0, now - failed.at) if failed else None,
        "held": held,
    }


def past_text(course: Confluence, now: float) -> list[str]:
    """The same for a caption, where there is anything to tell; why a registry fails is told with the error."""
    told = ["read from disk"] if course.basis is Basis.DISK else []
    if isinstance(course.snapshot, Failed):
        told.append(f"failing for {brief(max(0.0, now - course.snapshot.at))}")
    if course.hold:
        left = brief(max(0.0, course.hold.until - now))
        removed = sum(len(hold.missing) for hold in course.holds)
        told.append(f"{removed} removed are held for another {left}")
    return told
