"""One call of ``meshclient call``, and the ways to write its answer."""

from __future__ import annotations

import base64
import os
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from meshclient.cli.complaint import CommandError, Complaint, complaint_of
from meshclient.cli.exit_status import ExitStatus
from meshclient.cli.phases import Listener, trace_of
from meshclient.cli.render import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from typing import BinaryIO

    import httpx

    from meshclient import Mesh
    from meshclient.cli.phases import Trace
    from meshclient.cli.request import WrittenRequest
    from meshclient.model.report import CallReport

SCHEMA = "meshclient.call/v1"
# Looked at to tell a text from what a terminal would take for commands.
_LOOK = 1024


class Sending:
    """One call.

    Args:
        mesh: that makes it.
        request: as it was written.
        deadline: seconds for all of it; what is configured where None.
        traced: whether the phases of its attempts are listened to.

    Attributes:
        unshown: why the body was not written to the terminal; empty where it was.
        report: the library's, as of the answer's head; None before, and where the host is no service.
        service: the name of the service; empty where the host is none.
    """

    def __init__(self, mesh: Mesh, request: WrittenRequest, deadline: float | None, *, traced: bool) -> None:
        self._mesh = mesh
        self._request = request
        self._began = time.monotonic()
        self.unshown = ""
        self.report: CallReport | None = None
        self.service = _service(mesh, request.url)
        self._listener = Listener() if traced else None
        self._ended: float | None = None
        self._timeout, self._extensions = terms(mesh, request, deadline)
        if self._listener is not None:
            self._extensions["trace"] = self._listener

    def trace(self, report: CallReport | None) -> Trace | None:
        """Where the time went, if that was listened to; to be asked when the call is over."""
        if self._listener is None:
            return None
        ended = time.monotonic() if self._ended is None else self._ended
        return trace_of(self._request.url, report, self._listener, ended)

    def stream(self, *, include: bool, to: str | None) -> httpx.Response:
        """Write the body as it arrives, to the file `to` or to standard output.

        Raises CommandError where the file cannot be written. There is no such file until the body is whole.
        """
        if to is None:
            return self._stream(sys.stdout.buffer, include=include, screen=sys.stdout.isatty())
        with _file(Path(to)) as out:
            return self._stream(out, include=include, screen=False)

    def _stream(self, out: BinaryIO, *, include: bool, screen: bool) -> httpx.Response:
        last = b"\n"
        with self._client() as client, self._open(client) as response:
            self.report = response.extensions.get("mesh")
            if include:
                head = [f"{response.http_version} {response.status_code} {response.reason_phrase}".rstrip()]
                head += [f"{name}: {value}" for name, value in response.headers.multi_items()]
                out.write("".join(f"{line}\r\n" for line in [*head, ""]).encode())
            size = 0
            try:
                for chunk in response.iter_bytes():
                    # Once a body is known to be no text the rest is read all the same: how it ends is of the answer.
                    if screen and not size and _binary(chunk[:_LOOK]):
                        self.unshown = response.headers.get("content-type", "no declared type")
                    size += len(chunk)
                    if not self.unshown:
                        out.write(chunk)
                        out.flush()
                    last = chunk or last
            finally:
                self._ended = time.monotonic()
                if screen and not self.unshown and not last.endswith(b"\n"):
                    # Whatever ended it is told on a line of its own.
                    out.write(b"\n")
        if self.unshown:
            self.unshown = f"{size:,} bytes of {self.unshown}"
        out.flush()
        return response

    def document(self) -> tuple[httpx.Response, Answer]:
        """What is known of the call, the body included."""
        with self._client() as client, self._open(client) as response:
            self.report = response.extensions.get("mesh")
            body = response.read()
        self._ended = time.monotonic()
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
            **self._tail(report),
        }
        endpoint = report.endpoint if report else None
        return response, Answer(document, (), [endpoint.url if endpoint else str(response.url.host)])

    def failed(self, error: Exception, report: CallReport | None) -> Answer:
        """The document of a call that has no answer."""
        complaint = complaint_of(error)
        document = {
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
            **self._tail(report),
        }
        return Answer(document, (), ())

    def _head(self, report: CallReport | None) -> dict[str, object]:
        return {
            "schema": SCHEMA,
            "method": self._request.method,
            "url": self._request.url,
            "service": report.service if report else None,
            "took_seconds": time.monotonic() - self._began,
        }

    def _tail(self, report: CallReport | None) -> dict[str, object]:
        trace = self.trace(report)
        return {"mesh": report.as_dict() if report else None, "trace": None if trace is None else trace.as_dict()}

    def _client(self) -> httpx.Client:
        from meshclient import Client

        return Client(mesh=self._mesh, timeout=self._timeout)

    def _open(self, client: httpx.Client) -> AbstractContextManager[httpx.Response]:
        request = self._request
        # Not with what it takes to get ready.
        self._began = time.monotonic()
        if self._listener is not None:
            self._listener.begun = self._began
        return client.stream(
            request.method,
            request.url,
            headers=list(request.headers),
            content=request.body,
            extensions=self._extensions,
        )


def terms(mesh: Mesh, request: WrittenRequest, deadline: float | None) -> tuple[httpx.Timeout, dict[str, object]]:
    """The time limits of httpx for `request`, and its extensions."""
    import httpx

    if not _service(mesh, request.url):
        # Not for the mesh, whose own time limits therefore do not hold.
        return httpx.Timeout(mesh.config.defaults.deadline if deadline is None else deadline), {}
    return httpx.Timeout(None), {} if deadline is None else {"mesh": {"deadline": deadline}}


def _service(mesh: Mesh, url: str) -> str:
    """The name of the service at `url`; empty where its host is none."""
    import httpx

    where = httpx.URL(url)
    service = mesh.service_of(where.scheme, where.host)
    return service.name if service else ""


@contextmanager
def _file(path: Path) -> Iterator[BinaryIO]:
    """`path` to write to; what is there stays until the new content is whole."""
    if path.exists() and not path.is_file() and not path.is_dir():
        with _opened(path, path) as out:
            yield out
        return
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with _opened(partial, path) as out:
            yield out
        try:
            partial.replace(path.resolve())
        except OSError as error:
            raise _refused(path, error) from None
    finally:
        partial.unlink(missing_ok=True)


def _opened(path: Path, asked: Path) -> BinaryIO:
    try:
        return path.open("wb")
    except OSError as error:
        raise _refused(asked, error) from None


def _refused(path: Path, error: OSError) -> CommandError:
    what = f"the answer cannot be written to {str(path)!r}"
    fix = "name a file in a folder that exists and that you may write to"
    return CommandError(Complaint(ExitStatus.USAGE, what, error.strerror or str(error), fix))


def _binary(beginning: bytes) -> bool:
    """Whether it would do to a terminal what nobody wants; a character may be cut at the end."""
    if b"\0" in beginning:
        return True
    try:
        beginning.decode()
    except UnicodeDecodeError as error:
        return error.start < len(beginning) - 3
    return False


def _written(body: bytes, charset: str | None) -> tuple[str, str]:
    """The body as text where it is one, else in base64."""
    try:
        return body.decode(charset or "utf-8"), "text"
    except (LookupError, UnicodeDecodeError):
        return base64.b64encode(body).decode("ascii"), "base64"
