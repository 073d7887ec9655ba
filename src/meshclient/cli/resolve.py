"""``meshclient resolve``: ``dig`` for services."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from meshclient.cli.complaint import CommandError
from meshclient.cli.invocation import Invocation, config_options, output_options
from meshclient.cli.listing import COLUMNS, age, age_text, rows, service_called, snapshot_document, verdict
from meshclient.cli.render import Answer, Sheet
from meshclient.cli.seconds import seconds
from meshclient.discovery.course import Basis
from meshclient.discovery.runtime.on_demand import OnDemandWatch
from meshclient.model.duration import format_duration
from meshclient.model.snapshot import Failed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshclient import Mesh
    from meshclient.cli.complaint import Complaint
    from meshclient.discovery.confluence import Confluence
    from meshclient.model.snapshot import Empty, Ready

SCHEMA = "meshclient.resolve/v1"


@click.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option("--timeout", default="5s", show_default=True, callback=seconds, help="How long to wait for each answer.")
@config_options
@output_options
@click.pass_obj
def resolve(invocation: Invocation, names: tuple[str, ...], timeout: float) -> None:
    """Ask once where services are.

    With several names the exit code is that of the first one that is not resolved.
    """
    renderer = invocation.renderer()
    with invocation.mesh("on-demand") as mesh:
        for name in names:
            service_called(mesh, name)
        answers = [_ask(mesh, name, timeout) for name in names]
    documents = [{"schema": SCHEMA, **answer.document} for answer, _ in answers]
    several = {"schema": "meshclient.resolve_list/v1", "services": documents}
    renderer.show(
        Answer(
            document=documents[0] if len(documents) == 1 else several,
            sheets=[sheet for answer, _ in answers for sheet in answer.sheets],
            names=[name for answer, _ in answers for name in answer.names],
            lines=documents,
        )
    )
    complaints = [complaint for _, complaint in answers if complaint]
    for complaint in complaints[1:]:
        click.echo(f"error: {complaint}", err=True)
    if complaints:
        raise CommandError(complaints[0])


def _ask(mesh: Mesh, name: str, timeout: float) -> tuple[Answer, Complaint | None]:
    began = time.monotonic()
    ((service, snapshot),) = mesh.warm(name, timeout=timeout).items()
    watch = mesh.service(name).watch
    course = watch.course
    now = time.monotonic()
    took = now - began
    caption = (
        f"{service}: {snapshot.state}, {snapshot.source}, version {snapshot.version}, "
        f"{age_text(age(snapshot, now))}, took {format_duration(took)}"
    )
    late = waited_for(watch.heard, timeout) if isinstance(watch, OnDemandWatch) and snapshot.state == "pending" else ""
    caption = ", ".join([caption, *past_text(course, now), *([late] if late else [])])
    complaint = verdict(service, snapshot, "--timeout")
    document = snapshot_document(service, snapshot, now)
    if late:
        document["cause"] = late
        complaint = complaint and replace(complaint, why=late)
    answer = Answer(
        document={**document, "took_seconds": took, **past_document(course, now)},
        sheets=[Sheet(caption, COLUMNS, rows(snapshot))],
        names=[endpoint.url for endpoint in snapshot.endpoints],
    )
    return answer, complaint


def waited_for(heard: Sequence[tuple[str, Ready | Empty | Failed | None]], timeout: float) -> str:
    """Why there is no answer yet: who has said nothing, and who cannot tell."""
    told = [f"{source}: {answer.cause}" for source, answer in heard if isinstance(answer, Failed)]
    silent = " and ".join(source for source, answer in heard if answer is None)
    return "; ".join([f"waited {format_duration(timeout)} for {silent}, which did not answer", *told])


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
    """The same for a caption, where there is anything to tell."""
    told = ["read from disk"] if course.basis is Basis.DISK else []
    if isinstance(course.snapshot, Failed):
        told.append(f"failing for {format_duration(max(0.0, now - course.snapshot.at))} ({course.snapshot.cause})")
    if course.hold:
        left = format_duration(max(0.0, course.hold.until - now))
        removed = sum(len(hold.missing) for hold in course.holds)
        told.append(f"{removed} removed are held for another {left}")
    return told
