"""Where in a request a parameter goes: ``Annotated[str, Header("x-tenant")]``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Marker:
    """Base of those below.

    Args:
        name: in the request; by default the parameter's own.
    """

    name: str = ""


class Path(Marker):
    """A part of the path; what a parameter is without a marker where the path has a placeholder of its name."""

    __slots__ = ()


class Query(Marker):
    """A part of the query, once for each element of a list; what other parameters are without a marker."""

    __slots__ = ()


class Header(Marker):
    """A header field; by default the parameter's name with ``-`` for ``_``."""

    __slots__ = ()


class Form(Marker):
    """A field of a body that is an HTML form (``application/x-www-form-urlencoded``)."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Body:
    """The body, written by the method's codec; text, bytes and iterators of bytes go as they are."""
