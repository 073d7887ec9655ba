"""``meshclient explain``: where a call would go, and why."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from meshclient.cli.complaint import CommandError, no_resolver
from meshclient.cli.invocation import Invocation, config_options, output_options
from meshclient.cli.progress import Progress
from meshclient.cli.render import Answer, Format
from meshclient.cli.request import parse_request
from meshclient.cli.seconds import seconds
from meshclient.model.duration import format_duration

if TYPE_CHECKING:
    import httpx

    from meshclient import Mesh

MOST_PICKS = 1_000_000


@click.command()
@click.argument("words", metavar="[METHOD] URL [HEADER:VALUE ...]", nargs=-1, required=True)
@click.option(
    "--picks",
    type=click.IntRange(1, MOST_PICKS),
    default=1000,
    show_default=True,
    help="How often the fresh balancer picks.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Of its chance.")
@click.option("--hash-key", metavar="KEY", help="What the call itself is sticky by.")
@click.option("--timeout", default="5s", show_default=True, callback=seconds, help="How long to wait for the registry.")
@click.option("--html", metavar="FILE", help="Write the same as a page, in one file.")
@config_options
@output_options
@click.pass_obj
def explain(
    invocation: Invocation,
    *,
    words: tuple[str, ...],
    picks: int,
    seed: int,
    hash_key: str | None,
    timeout: float,
    html: str | None,
) -> None:
    """Tell where a call would go, and why; send nothing.

    URL is one that a client would be given, or the name of a service. Registries are asked, the service is not.
    Method, path and headers count where routes, traffic rules and hash keys go by them.

    The exit code is that of `meshclient resolve`; 0 as well where the call passes straight through.
    """
    import httpx

    from meshclient.cli.explain.document import document
    from meshclient.cli.explain.explanation import explanation
    from meshclient.cli.explain.sheets import sheets

    renderer = invocation.renderer()
    if html is not None:
        from meshclient.cli.page import must_be_writable

        must_be_writable(html)
    loaded = invocation.loaded()
    written = parse_request(words, None)
    extensions = {} if hash_key is None else {"mesh": {"hash_key": hash_key}}
    request = httpx.Request(written.method, written.url, headers=list(written.headers), extensions=extensions)
    with invocation.mesh("on-demand") as mesh:
        _somebody_to_ask(mesh, request)
        with Progress(quiet=invocation.quiet) as progress:

            def waited(passed: float) -> None:
                progress.tell(lambda: f"waiting for the registry: {passed:.0f} s of {format_duration(timeout)}")

            found = explanation(mesh, loaded, request, picks=picks, seed=seed, timeout=timeout, waited=waited)
    shown = sheets(found, sys.stdout, wide=renderer.form is Format.WIDE)
    called = found.called
    names = [s.status.endpoint.url for s in called.trial.shares if s.expected > 0] if called else [request.url.host]
    renderer.show(Answer(document(found), shown, names))
    if html is not None:
        from meshclient.cli.explain.page import write

        write(html, found)
        invocation.say(f"wrote {html}")
    if called is not None and called.complaint is not None:
        raise CommandError(called.complaint)


def _somebody_to_ask(mesh: Mesh, request: httpx.Request) -> None:
    service = mesh.service_of(request.url.scheme, request.url.host)
    if service is None or mesh.config.resolver or service.config.endpoints or service.config.traffic:
        return
    raise no_resolver(service.name, [name for name, each in mesh.config.services.items() if each.endpoints])
