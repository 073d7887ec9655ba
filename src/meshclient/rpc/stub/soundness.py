"""Whether a method's parameters make a request, seen before the first is sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from meshclient.rpc.codec.types import shown
from meshclient.rpc.stub.kinds import element, is_pieces, scalar_complaint, without_none
from meshclient.rpc.stub.markers import Body, Form, Header, Path, Query
from meshclient.rpc.stub.stub_error import StubError

if TYPE_CHECKING:
    from meshclient.rpc.codec.codec import Codec
    from meshclient.rpc.stub.declaration import Declaration, Parameter
    from meshclient.rpc.stub.template import Template

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e]*")
# Of these a body has no meaning (RFC 9110 sections 9.3.1 and 9.3.2), and many servers refuse it.
_BODILESS = ("GET", "HEAD")
# The request's own framing, which no parameter may speak of.
_FRAMING = frozenset({"connection", "content-length", "host", "transfer-encoding", "upgrade"})


def check_parameters(declaration: Declaration, template: Template, verb: str, codec: Codec) -> None:
    """Raises StubError naming the parameter and what to write."""
    where, parameters = declaration.where, declaration.parameters
    paths = {parameter.wire: parameter.name for parameter in parameters if parameter.place is Path}
    for name in template.names:
        if name not in paths:
            msg = f"{where}: the path has a placeholder {{{name}}}, the method no parameter {name!r}: add `{name}: str`"
            raise StubError(msg)
    for wire, name in paths.items():
        if wire not in template.names:
            msg = f"{where}: parameter {name!r} is marked Path, and the path has no {{{wire}}}: write it there"
            raise StubError(msg)
    seen: dict[tuple[type, str], str] = {}
    for parameter in parameters:
        if complaint := _complaint(parameter, codec, asynchronous=declaration.asynchronous):
            msg = f"{where}: parameter {parameter.name!r}: {complaint}"
            raise StubError(msg)
        # Header names are the same in any case.
        key = (parameter.place, parameter.wire.lower() if parameter.place is Header else parameter.wire)
        if parameter.place is not Body and key in seen:
            msg = (
                f"{where}: parameters {seen[key]!r} and {parameter.name!r} both are "
                f"{parameter.place.__name__}({parameter.wire!r}): rename one, or make it one list"
            )
            raise StubError(msg)
        seen[key] = parameter.name
    _check_bodies(where, parameters, verb)


def _check_bodies(where: str, parameters: tuple[Parameter, ...], verb: str) -> None:
    bodies = [parameter.name for parameter in parameters if parameter.place is Body]
    forms = [parameter.name for parameter in parameters if parameter.place is Form]
    if len(bodies) > 1 or (bodies and forms):
        first, second, *_ = [*bodies, *forms]
        msg = f"{where}: parameters {first!r} and {second!r} both are the body: put both into one class, marked Body"
        raise StubError(msg)
    if (bodies or forms) and verb in _BODILESS:
        name = (bodies or forms)[0]
        msg = f"{where}: parameter {name!r} is a body, which a {verb} has none of: mark it Query, or use @post"
        raise StubError(msg)


def _complaint(parameter: Parameter, codec: Codec, *, asynchronous: bool) -> str:
    kind = parameter.kind
    if parameter.place is Body:
        inner = without_none(kind)
        if inner in (bytes, str) or is_pieces(kind, asynchronous=asynchronous):
            return ""
        if is_pieces(kind, asynchronous=not asynchronous):
            return f"{shown(kind)} is iterated over by the other colour of methods: use the one of this method"
        return codec.complaint(kind)
    if parameter.place is Header and (complaint := header_complaint(parameter.wire, "")):
        return complaint
    if parameter.place in (Query, Form) and (item := element(kind)) is not None:
        complaint = scalar_complaint(item, optional=False)
    else:
        complaint = scalar_complaint(kind, optional=parameter.place is not Path)
    if complaint and parameter.place is Query:
        return f"{complaint}, or a list of such; if it is the body write Annotated[{shown(kind)}, Body]"
    return complaint


def header_complaint(name: object, value: object) -> str:
    """Why the field cannot be in a request (RFC 9110 section 5), or ""."""
    if not isinstance(name, str) or not _TOKEN.fullmatch(name):
        return f"{name!r} is no name of a header"
    if name.lower() in _FRAMING:
        return f"the header {name!r} is written by the client itself: leave it out"
    if not isinstance(value, str) or not _VALUE.fullmatch(value):
        return f"the header {name!r} is {value!r}: a header carries printable ASCII text"
    return ""


def check_headers(where: str, headers: object) -> None:
    """Raises StubError for a header that cannot be sent."""
    if not isinstance(headers, Mapping):
        msg = f"{where}: its headers are {headers!r}: give a table such as {{'x-tenant': 'a'}}"
        raise StubError(msg)
    for name, value in headers.items():
        if complaint := header_complaint(name, value):
            msg = f"{where}: {complaint}"
            raise StubError(msg)
