"""``meshclient call``: ``curl`` for services."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from meshclient.cli.complaint import Complaint, no_resolver
from meshclient.cli.exit_status import ExitStatus
from meshclient.cli.invocation import Invocation, config_options, output_options
from meshclient.cli.load.plan import LoadPlan, rate_of
from meshclient.cli.page import must_be_writable, write_page
from meshclient.cli.plot import drawn
from meshclient.cli.render import Format, printable
from meshclient.cli.request import Written, parse_request
from meshclient.cli.seconds import seconds
from meshclient.cli.sending import Sending
from meshclient.cli.timeline import waterfall

if TYPE_CHECKING:
    import httpx

    from meshclient import Mesh
    from meshclient.cli.render import Renderer
    from meshclient.cli.request import WrittenRequest
    from meshclient.model.report import CallReport


@dataclass(frozen=True, slots=True)
class _Wishes:
    """How one call is shown."""

    include: bool
    output_file: str | None
    trace: bool
    html: str | None
    check_status: bool


@click.command()
@click.argument("words", metavar="[METHOD] URL [ITEM ...]", nargs=-1, required=True)
@click.option("-X", "--request", "method", metavar="METHOD", default="", help="The method, as curl has it.")
@click.option("-H", "--header", "headers", metavar="NAME:VALUE", multiple=True, help="A header, as curl has it.")
@click.option("-d", "--data", metavar="TEXT", help="The body: a text, @FILE, or @- for standard input.")
@click.option("-f", "--form", is_flag=True, help="KEY=VALUE are the fields of a form, and not of JSON.")
@click.option("-j", "--json", "as_json", is_flag=True, help="Send the body as JSON, and ask for JSON.")
@click.option("--deadline", metavar="DURATION", callback=seconds, help="The whole call, all attempts included.")
@click.option("-i", "--include", is_flag=True, help="Write status and headers before the body.")
@click.option("--output-file", metavar="FILE", help="Write the body there and not to standard output.")
@click.option("--check-status", is_flag=True, help="Exit with 8 where the answer is 4xx or 5xx.")
@click.option("--trace", is_flag=True, help="Show where the time went, attempt by attempt, on standard error.")
@click.option("--repeat", type=click.IntRange(1, 1_000_000), metavar="N", help="Make N calls, and show how they went.")
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True, max=100_000),
    callback=rate_of,
    metavar="R",
    help="With --repeat: begin R calls per second, however long they take (else each waits for one before it).",
)
@click.option(
    "--concurrency",
    type=click.IntRange(1, 10_000),
    metavar="C",
    help="With --repeat: how many calls at once (default: 1, with --rate 512 at most).",
)
@click.option("--html", metavar="FILE", help="With --repeat or --trace: write a page with the same plots.")
@config_options
@output_options
@click.pass_obj
def call(
    invocation: Invocation,
    *,
    words: tuple[str, ...],
    method: str,
    headers: tuple[str, ...],
    data: str | None,
    deadline: float | None,
    output_file: str | None,
    repeat: int | None,
    rate: float | None,
    concurrency: int | None,
    html: str | None,
    form: bool,
    as_json: bool,
    include: bool,
    check_status: bool,
    trace: bool,
) -> int:
    """Send a request to a service.

    URL is mesh://orders/x, http://orders/x or orders/x. An ITEM is KEY=TEXT or KEY:=JSON (fields of a JSON body, with
    --form of a form), KEY@FILE (a file of a form), KEY==VALUE (of the query) or HEADER:VALUE. A body is sent by POST
    unless METHOD says otherwise. The answer's body goes to standard output as it arrives.

    --repeat N --rate R is a small load test. Calls begin when they are due, whether or not those before have ended,
    and latency counts from when a call was due: a service that stalls cannot hide it by being asked less.
    """
    import httpx

    plan = _plan(repeat, rate, concurrency)
    _must_fit(plan, html, output_file, include=include, trace=trace)
    request = parse_request(words, options=Written(data, headers, form, as_json, method))
    renderer = invocation.renderer()
    url = httpx.URL(request.url)
    if html is not None:
        must_be_writable(html)
    with invocation.mesh("on-demand" if plan is None else "background") as mesh:
        if url.scheme == "mesh":
            _must_be_known(mesh, url.host)
        if plan is not None:
            from meshclient.cli.load.command import load

            return load(invocation, mesh, request, plan=plan, deadline=deadline, html=html, check_status=check_status)
        wishes = _Wishes(include, output_file, trace, html, check_status)
        response = _once(invocation, renderer, Sending(mesh, request, deadline, traced=trace), request, wishes)
    if check_status and response.is_error:
        what = f"{url.host!r} answered {response.status_code} {response.reason_phrase}".rstrip()
        fix = "see the whole answer with -i, and every attempt with --trace"
        complaint = Complaint(ExitStatus.BAD_STATUS, what, fix=fix)
        click.echo(f"error: {complaint}", err=True)
        return ExitStatus.BAD_STATUS
    return ExitStatus.OK


def _plan(repeat: int | None, rate: float | None, concurrency: int | None) -> LoadPlan | None:
    if repeat is None:
        if rate is not None or concurrency is not None:
            raise click.UsageError("--rate and --concurrency are for many calls: give --repeat N too")
        return None
    return LoadPlan(repeat, rate, concurrency or (1 if rate is None else LoadPlan.MOST))


def _must_fit(plan: LoadPlan | None, html: str | None, output_file: str | None, *, include: bool, trace: bool) -> None:
    if plan is None:
        if html is not None and not trace:
            raise click.UsageError("--html is a page of plots: give --trace or --repeat N too")
        return
    given = {"--trace": trace, "--include": include, "--output-file": output_file is not None}
    for name in [name for name, is_given in given.items() if is_given]:
        raise click.UsageError(f"{name} shows a single call: leave it or --repeat out")


def _must_be_known(mesh: Mesh, host: str) -> None:
    listed = [name for name, each in mesh.config.services.items() if each.endpoints]
    if mesh.idle:
        raise no_resolver(host)
    service = mesh.service_of("mesh", host)
    if service is not None and not mesh.config.resolver and not service.config.endpoints:
        raise no_resolver(service.name, listed)


def _once(
    invocation: Invocation, renderer: Renderer, sending: Sending, request: WrittenRequest, wishes: _Wishes
) -> httpx.Response:
    """Send one request, and write what came of it."""
    report: CallReport | None = None
    try:
        if renderer.form in (Format.TABLE, Format.WIDE) or wishes.output_file is not None:
            response = sending.stream(include=wishes.include, to=wishes.output_file)
        else:
            response, answer = sending.document()
            renderer.show(answer)
        report = response.extensions.get("mesh")
    except Exception as error:
        report = getattr(error, "mesh", None)
        if renderer.form in (Format.JSON, Format.JSONL):
            renderer.show(sending.failed(error, report))
        raise
    finally:
        # An interrupt has no report of its own.
        trace = sending.trace(report or sending.report)
        if trace is not None:
            chart = waterfall(trace, sending.service)
            click.echo("\n".join(printable(line) for line in drawn(chart, sys.stderr)), err=True)
            if wishes.html is not None:
                write_page(wishes.html, f"{request.method} {request.url}", [chart])
    if sending.unshown:
        invocation.say(
            f"note: {sending.unshown} are not written to the terminal; keep them with --output-file FILE, or pipe them"
        )
    return response
