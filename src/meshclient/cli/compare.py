"""``meshclient compare``: what two registries say of the same services, side by side."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

import click

from meshclient.cli.comparing import Verdict, rows, verdict_on
from meshclient.cli.complaint import CommandError, Complaint
from meshclient.cli.difference import FIELDS
from meshclient.cli.exit_status import ExitStatus
from meshclient.cli.inquiry import Inquiry
from meshclient.cli.invocation import Invocation, config_options, output_options
from meshclient.cli.names import close_to, listed_names
from meshclient.cli.render import Answer, Cell, Column, Sheet
from meshclient.cli.seconds import seconds
from meshclient.discovery.expression import parse

if TYPE_CHECKING:
    from collections.abc import Sequence

SCHEMA = "meshclient.compare/v1"
SERVICE_SCHEMA = "meshclient.compare_service/v1"
_COLUMNS = (Column("SERVICE"), Column("RESULT"), Column("ENDPOINT"), Column("A -> B"))
_RESULTS = {
    ExitStatus.OK: "equal",
    ExitStatus.FAILED: "different",
    ExitStatus.NOT_FOUND: "unknown",
    ExitStatus.UNAVAILABLE: "unavailable",
}
_STYLES = {"equal": "green", "only in A": "yellow", "only in B": "yellow", "differs": "yellow", "unavailable": "red"}


@click.command()
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.argument("names", metavar="[NAME...]", nargs=-1)
@click.option("--ignore", multiple=True, metavar="FIELD", help="Leave a field out, such as health or metadata.version.")
@click.option("--timeout", default="5s", show_default=True, callback=seconds, help="How long to wait for each answer.")
@config_options
@output_options
@click.pass_obj
def compare(
    invocation: Invocation, a: str, b: str, names: tuple[str, ...], *, ignore: tuple[str, ...], timeout: float
) -> int:
    """Tell how the lists of two registries differ.

    A and B are resolvers, as for --resolver. Without names, the services compared are those that the registries list
    (file, env, static and Consul can) and those of the configuration.

    \b
        meshclient compare consul://127.0.0.1:8500 file://mesh.toml orders
        meshclient compare consul://dc1:8500 consul://dc2:8500 --ignore zone

    The exit code is 0 where the lists are equal, 1 where they differ, 3 where neither side has any of the services,
    and 5 where a side cannot tell. Ids are the registries' own and are not compared.
    """  # noqa: D301 - click's mark of lines that stay as they are
    _check(ignore)
    for each in (a, b):
        parse(each)
    renderer = invocation.renderer()
    first = invocation.inquiry(a)
    second = Inquiry(first.config, b, quiet=invocation.quiet)
    asked = list(dict.fromkeys(names)) or _listed(invocation, (first, second), (a, b), timeout)
    replies = zip(first.ask(asked, timeout), second.ask(asked, timeout), strict=True)
    verdicts = [verdict_on(*both, ignore) for both in replies]
    if not names:
        # A name of the configuration may be one that nobody has; that is no difference.
        verdicts = [each for each in verdicts if each.result != "unknown"]
    code = _code(verdicts)
    lines = [{"schema": SERVICE_SCHEMA, "a": first.source, "b": second.source, **each.document()} for each in verdicts]
    document: dict[str, object] = {
        "schema": SCHEMA,
        "a": first.source,
        "b": second.source,
        "ignored": list(ignore),
        "result": _RESULTS[code],
        "services": [each.document() for each in verdicts],
    }
    caption = f"A: {first.source}, B: {second.source}, {_summary(verdicts)}"
    renderer.show(
        Answer(
            document=document,
            sheets=[Sheet(caption, _COLUMNS, [row for each in verdicts for row in _rows(each)])],
            names=[each.service for each in verdicts if each.result != "equal"],
            lines=lines,
        )
    )
    if code == ExitStatus.UNAVAILABLE:
        raise CommandError(_unavailable(verdicts, first.source, second.source))
    if code == ExitStatus.NOT_FOUND:
        what = f"there is no service {' or '.join(repr(each.service) for each in verdicts)}"
        fix = _meant(verdicts, (a, b), timeout) or "check the spelling"
        raise CommandError(Complaint(code, what, f"neither {first.source} nor {second.source} knows it", fix))
    return code


def _meant(verdicts: Sequence[Verdict], resolvers: Sequence[str], timeout: float) -> str:
    known = {name for each in resolvers for names in listed_names(each, timeout).values() for name in names or ()}
    found = [close for each in verdicts if (close := close_to(each.service, known))]
    return f"did you mean {' and '.join(map(repr, found))}?" if found else ""


def _check(ignored: Sequence[str]) -> None:
    for field in ignored:
        if field not in FIELDS and not field.startswith("metadata."):
            close = get_close_matches(field, FIELDS, 1)
            known = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(FIELDS)}, metadata.KEY"
            msg = f"no field {field!r} is compared; {known}"
            raise click.UsageError(msg)


def _listed(
    invocation: Invocation, sides: tuple[Inquiry, Inquiry], resolvers: tuple[str, str], timeout: float
) -> list[str]:
    """Every service that either registry lists, and those of the configuration. Raises the complaint for none."""
    lists = [names for each in resolvers for names in listed_names(each, timeout).values()]
    silent = [names for names in lists if names is None]
    configured = sides[0].config.services
    if found := {name for names in lists for name in names or ()} | set(configured):
        if silent:
            invocation.say("warning: not every registry can list its services; name those that only it has")
        return sorted(found)
    able = "can tell which services it has" if silent else "lists any service"
    why = f"neither registry {able}, and the configuration names none"
    fix = f"name the services: meshclient compare {sides[0].source} {sides[1].source} orders users"
    raise CommandError(Complaint(ExitStatus.USAGE, "compare which services?", why, fix))


def _rows(verdict: Verdict) -> list[tuple[str | Cell, ...]]:
    found: list[tuple[str | Cell, ...]] = [
        (verdict.service, Cell(what, _STYLES[what]), endpoint, words) for endpoint, what, words in rows(verdict)
    ]
    if verdict.result == "unavailable":
        why = "; ".join(f"{side.upper()}: {cause}" for side, cause in verdict.causes)
        return [(verdict.service, Cell(verdict.result, "red"), "", why)]
    if found:
        return found
    count = f"{verdict.same} endpoint{'s' if verdict.same != 1 else ''}"
    shown = count if verdict.result == "equal" else "in neither"
    return [(verdict.service, Cell(verdict.result, _STYLES.get(verdict.result, "yellow")), shown, "")]


def _summary(verdicts: Sequence[Verdict]) -> str:
    different = sum(each.result == "different" for each in verdicts)
    untold = sum(each.result == "unavailable" for each in verdicts)
    parts = [f"{different} of {len(verdicts)} services differ"]
    parts += [f"{untold} cannot be told"] if untold else []
    return ", ".join(parts)


def _code(verdicts: Sequence[Verdict]) -> ExitStatus:
    results = {each.result for each in verdicts}
    if "unavailable" in results:
        return ExitStatus.UNAVAILABLE
    if "different" in results:
        return ExitStatus.FAILED
    # Names that were asked for and that nobody has: nothing was compared.
    return ExitStatus.NOT_FOUND if "unknown" in results else ExitStatus.OK


def _unavailable(verdicts: Sequence[Verdict], a: str, b: str) -> Complaint:
    causes = dict(cause for each in verdicts for cause in each.causes)
    silent = " and ".join(source for side, source in (("a", a), ("b", b)) if side in causes)
    why = "; ".join(dict.fromkeys(causes.values()))
    fix = "check the address and that the registry is reachable from here; --timeout allows more time"
    return Complaint(ExitStatus.UNAVAILABLE, f"cannot compare: {silent} cannot tell", why, fix)
