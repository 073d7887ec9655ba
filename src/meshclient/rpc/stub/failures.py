"""Which exception an answer other than 2xx becomes."""

from __future__ import annotations

from inspect import get_annotations
from typing import TYPE_CHECKING, Any

import msgspec

from meshclient.rpc.codec.document import Document
from meshclient.rpc.codec.errors import DecodeError
from meshclient.rpc.codec.registry import JSON
from meshclient.rpc.stub.status_error import StatusError
from meshclient.rpc.stub.stub_error import StubError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

_CLASSES = {"3xx": range(300, 400), "4xx": range(400, 500), "5xx": range(500, 600)}
_OWN = frozenset({"args", "mesh", "method", "problem", "request", "response", "service", "status"})


class Failures:
    """Makes exceptions of responses.

    Args:
        declared: exception class by status, or by class of statuses; the particular is stronger.
        service: the service's name.
        where: the stub's method.

    Raises StubError for a declaration that cannot hold.
    """

    def __init__(self, declared: Mapping[int | str, type[StatusError]], service: str, where: str) -> None:
        self._service = service
        self._where = where
        self._kinds: dict[int, tuple[type[StatusError], Document | None]] = {}
        for status, kind in sorted(declared.items(), key=lambda item: isinstance(item[0], int)):
            entry = kind, self._fields(kind)
            for each in self._statuses(status):
                self._kinds[each] = entry

    def error(self, response: httpx.Response) -> StatusError:
        """The exception of this response, whose body has been read.

        A declared class whose fields the body does not have is not meant by it, as where a proxy on the way has
        answered: then it is a plain `StatusError` that says so.
        """
        kind, document = self._kinds.get(response.status_code, (StatusError, None))
        if document is None:
            return kind(response, service=self._service, method=self._where)
        try:
            fields: Any = document.read(response)
        except DecodeError as exc:
            remark = f" (it is no {kind.__name__}: {exc.__cause__ or 'it is empty'})"
            return StatusError(response, service=self._service, method=self._where, remark=remark)
        error = kind(response, service=self._service, method=self._where)
        for name in fields.__struct_fields__:
            setattr(error, name, getattr(fields, name))
        return error

    def _statuses(self, status: int | str) -> range:
        if isinstance(status, str) and status in _CLASSES:
            return _CLASSES[status]
        if isinstance(status, int) and not isinstance(status, bool) and 300 <= status < 600:
            return range(status, status + 1)
        msg = f"{self._where}: errors has {status!r}: write a status from 300 to 599, or one of {', '.join(_CLASSES)}"
        raise StubError(msg)

    def _fields(self, kind: object) -> Document | None:
        """What reads the class's fields, or None where it has none."""
        name = getattr(kind, "__name__", repr(kind))
        if not isinstance(kind, type) or not issubclass(kind, StatusError):
            msg = f"{self._where}: errors has {name}, which is no StatusError: write `class {name}(StatusError)`"
            raise StubError(msg)
        if kind.__init__ is not StatusError.__init__:
            msg = f"{self._where}: {name} has an __init__ of its own: annotate its fields in the class, `order: str`"
            raise StubError(msg)
        hints: dict[str, object] = {}
        try:
            for each in reversed(kind.__mro__[: kind.__mro__.index(StatusError)]):
                hints |= get_annotations(each, eval_str=True)
        except NameError as exc:
            msg = f"{self._where}: the fields of {name} cannot be read ({exc}): types have to be names of its module"
            raise StubError(msg) from exc
        if not hints:
            return None
        if own := sorted(hints.keys() & _OWN):
            msg = f"{self._where}: {name} has a field {own[0]!r}, which is every StatusError's own: leave it out"
            raise StubError(msg)
        required: list[Any] = [(each, of) for each, of in hints.items() if not hasattr(kind, each)]
        optional: list[Any] = [(each, of, getattr(kind, each)) for each, of in hints.items() if hasattr(kind, each)]
        document = msgspec.defstruct(name, required + optional)
        if complaint := JSON.complaint(document):
            msg = f"{self._where}: {name}: {complaint}"
            raise StubError(msg)
        return Document(document, JSON, self._service, self._where)
