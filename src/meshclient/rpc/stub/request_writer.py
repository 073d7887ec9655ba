"""From the arguments of a call to its URL, headers and body, with everything that can be known before done before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from meshclient.rpc.stub.kinds import element, is_pieces, without_none
from meshclient.rpc.stub.markers import Body, Form, Header, Path, Query
from meshclient.rpc.stub.text import component, field, segment, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from meshclient.rpc.codec.codec import Codec
    from meshclient.rpc.stub.declaration import Declaration, Parameter
    from meshclient.rpc.stub.template import Template

# URL, headers and content of a request.
Written = tuple[str, Mapping[str, str] | None, Any]
_MISSING: Any = object()
FORM = "application/x-www-form-urlencoded"


class RequestWriter:
    """Writes the requests of one method.

    Args:
        declaration: a sound one.
        template: of its path.
        base: the service's URL without a path.
        headers: of each request, by lower-case name.
        codec: writes the body.
    """

    __slots__ = (
        "_bare", "_body", "_content", "_count", "_defaults", "_fields", "_first", "_form", "_full", "_index", "_least",
        "_mark", "_names", "_path", "_plain", "_query", "_required", "_rest", "_rests", "_signature", "_where",
    )  # fmt: skip

    def __init__(
        self, declaration: Declaration, template: Template, base: str, headers: Mapping[str, str], codec: Codec
    ) -> None:
        parameters = declaration.parameters
        self._where = declaration.where
        self._signature = declaration.signature
        formal = list(declaration.signature.parameters.values())
        self._names = [parameter.name for parameter in parameters]
        self._index = {each.name: at for at, each in enumerate(formal) if each.kind is not each.POSITIONAL_ONLY}
        self._count = sum(each.kind is not each.KEYWORD_ONLY for each in formal)
        self._defaults = [_MISSING if each.default is each.empty else each.default for each in formal]
        self._required = [at for at, default in enumerate(self._defaults) if default is _MISSING]
        # Calls without names are completed by what stands behind them.
        self._least = max(self._required, default=-1) + 1
        self._rests = [tuple(self._defaults[given:]) for given in range(len(formal) + 1)]
        by_wire = {parameter.wire: parameter.at for parameter in parameters if parameter.place is Path}
        self._first, *literals = template.literals
        self._first = base + self._first
        self._path = [(by_wire[name], literal) for name, literal in zip(template.names, literals, strict=True)]
        self._rest = f"?{template.query}" if template.query else ""
        self._mark = "&" if template.query else "?"
        self._query = _pairs(parameters, Query)
        self._form = [(at, wire, many) for at, wire, many in _pairs(parameters, Form)]
        self._fields = [(parameter.at, parameter.wire.lower()) for parameter in parameters if parameter.place is Header]
        self._body, self._content, media_type = _body(declaration, codec)
        self._plain = self._body is None and not self._form and not self._fields
        self._bare = dict(headers) or None
        self._full = {**({"content-type": media_type} if media_type else {}), **headers}

    def __call__(self, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> Written:
        """URL, headers and content of one request; raises TypeError and ValueError naming the parameter."""
        given = len(arguments)
        if not named and self._least <= given <= self._count:
            values: Sequence[Any] = arguments + self._rests[given]
        else:
            values = self._bound(arguments, named)
        url = self._located(values)
        if self._plain:
            return url, self._bare, None
        headers, content = self._filled(values)
        return url, headers, content

    def _located(self, values: Sequence[Any]) -> str:
        url, at = self._first, 0
        try:
            for at, literal in self._path:
                url += segment(values[at]) + literal
            url += self._rest
            mark = self._mark
            for at, name, many in self._query:
                value = values[at]
                if value is None:
                    continue
                for each in _elements(value) if many else (value,):
                    url += f"{mark}{name}={component(each)}"
                    mark = "&"
        except (TypeError, ValueError) as exc:
            raise self._refused(at, exc) from exc
        return url

    def _filled(self, values: Sequence[Any]) -> tuple[Mapping[str, str] | None, Any]:
        headers: dict[str, str] | None = self._bare
        content = None
        at = -1 if self._body is None else self._body
        try:
            if at >= 0:
                if values[at] is not None:
                    headers = self._full
                    content = self._content(values[at])
            elif self._form:
                headers = self._full
                pairs = []
                for at, name, many in self._form:
                    if (value := values[at]) is not None:
                        pairs += [(name, text(each)) for each in (_elements(value) if many else (value,))]
                content = urlencode(pairs).encode()
            if self._fields:
                headers = dict(headers or ())
                for at, name in self._fields:
                    if (value := values[at]) is not None:
                        headers[name] = field(value)
        except (TypeError, ValueError) as exc:
            raise self._refused(at, exc) from exc
        return headers, content

    def _refused(self, at: int, error: Exception) -> Exception:
        msg = f"{self._where}: parameter {self._names[at]!r}: {error}"
        return TypeError(msg) if isinstance(error, TypeError) else ValueError(msg)

    def _bound(self, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> list[Any]:
        given = len(arguments)
        if given > self._count:
            raise self._misfit(arguments, named)
        values = self._defaults.copy()
        values[:given] = arguments
        for name, value in named.items():
            at = self._index.get(name, -1)
            if at < given:
                raise self._misfit(arguments, named)
            values[at] = value
        for at in self._required:
            if values[at] is _MISSING:
                raise self._misfit(arguments, named)
        return values

    def _misfit(self, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> TypeError:
        """What Python itself would say."""
        try:
            self._signature.bind(*arguments, **named)
        except TypeError as exc:
            return TypeError(f"{self._where}(): {exc}")
        return TypeError(f"{self._where}(): wrong arguments")


def _pairs(parameters: Iterable[Parameter], place: type[Query | Form]) -> list[tuple[int, str, bool]]:
    return [
        (each.at, quote(each.wire, safe="") if place is Query else each.wire, element(each.kind) is not None)
        for each in parameters
        if each.place is place
    ]


def _elements(value: Any) -> Iterable[object]:  # noqa: ANN401 - whatever a caller passed
    if isinstance(value, str | bytes):
        msg = f"{value!r} is one text, not a list of them"
        raise TypeError(msg)
    elements: Iterable[object] = value
    return elements


def _body(declaration: Declaration, codec: Codec) -> tuple[int | None, Callable[[object], object], str]:
    """Where the body stands among the arguments, what makes its content, and its media type."""
    for parameter in declaration.parameters:
        if parameter.place is Body:
            kind = without_none(parameter.kind)
            if kind is str:
                return parameter.at, _encode, "text/plain; charset=utf-8"
            if kind is bytes or is_pieces(kind, asynchronous=declaration.asynchronous):
                return parameter.at, _as_it_is, "application/octet-stream"
            return parameter.at, codec.encoder(parameter.kind), codec.media_type
    return None, _as_it_is, FORM if any(parameter.place is Form for parameter in declaration.parameters) else ""


def _encode(value: object) -> object:
    return str(value).encode()


def _as_it_is(value: object) -> object:
    return value
