"""``meshclient call``: ``curl`` for services."""

from __future__ import annotations

import base64
import sys
import time
from typing import TYPE_CHECKING

import click

from meshclient.cli.complaint import Complaint, complaint_of, no_resolver
from meshclient.cli.exit_status import ExitStatus
from meshclient.cli.invocation import Invocation, config_options, output_options
from meshclient.cli.render import Answer, Format, printable
from meshclient.cli.request import parse_request
from meshclient.cli.seconds import seconds
from meshclient.cli.timeline import timeline

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import httpx

    from meshclient import Mesh
    from meshclient.cli.render import Renderer
    from meshclient.cli.request import WrittenRequest
    from meshclient.model.report import CallReport

SCHEMA = "meshclient.call/v1"


@click.command()
@click.argument("words", metavar="[METHOD] URL [KEY=VALUE ...] [HEADER:VALUE ...]", nargs=-1, required=True)
@click.option("-d", "--data", metavar="TEXT", help="The body: a text, @FILE, or @- for standard input.")
@click.option("--deadline", metavar="DURATION", callback=seconds, help="The whole call, all attempts included.")
@click.option("--trace", is_flag=True, help="Write each attempt to standard error: where, how long, why another.")
@click.option("--check-status", is_flag=True, help="Exit with 8 where the answer is 4xx or 5xx.")
@click.option("-i", "--include", is_flag=True, help="Write status and headers before the body.")
@config_options
@output_options
@click.pass_obj
def call(
    invocation: Invocation,
    words: tuple[str, ...],
    data: str | None,
    deadline: float | None,
    *,
    trace: bool,
    check_status: bool,
    include: bool,
) -> int:
    """Send a request to a service.

    URL is mesh://orders/x, http://orders/x or orders/x. KEY=VALUE pairs are the fields of a JSON body, which is sent by
    POST unless METHOD says otherwise. The answer's body goes to standard output as it arrives.
    """
    import httpx

    request, renderer = parse_request(words, data), invocation.renderer()
    url = httpx.URL(request.url)
    with invocation.mesh("on-demand") as mesh:
        if url.scheme == "mesh":
            _must_be_known(mesh, url.host)
        sending = _Sending(mesh, request, deadline)
        report: CallReport | None = None
        try:
            if renderer.form in (Format.TABLE, Format.WIDE):
                response = sending.stream(include=include)
            else:
                response = sending.document(renderer)
            report = response.extensions.get("mesh")
        except Exception as error:
            report = getattr(error, "mesh", None)
            if renderer.form in (Format.JSON, Format.JSONL):
                renderer.show(Answer(sending.failed(error, report), (), ()))
            raise
        finally:
            if trace:
                click.echo("\n".join(printable(line) for line in timeline(report)), err=True)
    if check_status and response.is_error:
        what = f"{url.host!r} answered {response.status_code} {response.reason_phrase}".rstrip()
        click.echo(f"error: {Complaint(ExitStatus.BAD_STATUS, what)}", err=True)
        return ExitStatus.BAD_STATUS
    return ExitStatus.OK


def _must_be_known(mesh: Mesh, host: str) -> None:
    if mesh.idle:
        raise no_resolver(host)
    service = mesh.service_of("mesh", host)
    if service is not None and not mesh.config.resolver and not service.config.endpoints:
        raise no_resolver(service.name)


class _Sending:
    """One call, and the ways to write its answer."""

    def __init__(self, mesh: Mesh, request: WrittenRequest, deadline: float | None) -> None:
        import httpx

        self._mesh = mesh
        self._request = request
        self._began = time.monotonic()
        url = httpx.URL(request.url)
        self._extensions: dict[str, object] = {}
        if mesh.service_of(url.scheme, url.host) is None:
            # Not for the mesh, whose own time limits therefore do not hold.
            self._timeout = httpx.Timeout(mesh.config.defaults.deadline if deadline is None else deadline)
        else:
            self._timeout = httpx.Timeout(None)
            if deadline is not None:
                self._extensions["mesh"] = {"deadline": deadline}

    def stream(self, *, include: bool) -> httpx.Response:
        """Write the body as it arrives."""
        out = sys.stdout.buffer
        last = b"\n"
        with self._client() as client, self._open(client) as response:
            if include:
                head = [f"{response.http_version} {response.status_code} {response.reason_phrase}".rstrip()]
                head += [f"{name}: {value}" for name, value in response.headers.multi_items()]
                out.write("".join(f"{line}\r\n" for line in [*head, ""]).encode())
            for chunk in response.iter_bytes():
                out.write(chunk)
                out.flush()
                last = chunk or last
        if sys.stdout.isatty() and not last.endswith(b"\n"):
            out.write(b"\n")
        out.flush()
        return response

    def document(self, renderer: Renderer) -> httpx.Response:
        """Write what is known of the call, the body included."""
        with self._client() as client, self._open(client) as response:
            body = response.read()
        report: CallReport | None = response.extensions.get("mesh")
        text, encoding = _written(body, response.charset_encoding)
        document = {
            **self._head(report),
            "status": response.status_code,
            "http_version": response.http_version,
            "headers": [{"name": name, "value": value} for name, value in response.headers.multi_items()],
            "body": text,
            "body_encoding": encoding,
            "error": None,
            "mesh": report.as_dict() if report else None,
        }
        endpoint = report.endpoint if report else None
        renderer.show(Answer(document, (), [endpoint.url if endpoint else str(response.url.host)]))
        return response

    def failed(self, error: Exception, report: CallReport | None) -> dict[str, object]:
        """The document of a call that has no answer."""
        complaint = complaint_of(error)
        return {
            **self._head(report),
            "status": None,
            "http_version": None,
            "headers": [],
            "body": None,
            "body_encoding": None,
            "error": {
                "kind": complaint.status.name.lower(),
                "message": str(error) or type(error).__name__,
            },
            "mesh": report.as_dict() if report else None,
        }

    def _head(self, report: CallReport | None) -> dict[str, object]:
        return {
            "schema": SCHEMA,
            "method": self._request.method,
            "url": self._request.url,
            "service": report.service if report else None,
            "took_seconds": time.monotonic() - self._began,
        }

    def _client(self) -> httpx.Client:
        from meshclient import Client

        return Client(mesh=self._mesh, timeout=self._timeout)

    def _open(self, client: httpx.Client) -> AbstractContextManager[httpx.Response]:
        request = self._request
        return client.stream(
            request.method,
            request.url,
            headers=list(request.headers),
            content=request.body,
            extensions=self._extensions,
        )


def _written(body: bytes, charset: str | None) -> tuple[str, str]:
    """The body as text where it is one, else in base64."""
    try:
        return body.decode(charset or "utf-8"), "text"
    except (LookupError, UnicodeDecodeError):
        return base64.b64encode(body).decode("ascii"), "base64"
