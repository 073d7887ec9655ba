"""The path of a method, cut at its placeholders: ``/v1/orders/{id}``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from string import Formatter
from urllib.parse import quote

# What a path may hold as it is (RFC 3986 section 3.3), escapes included, and a query of its own.
_LITERAL = "/%:@!$&'()*+,;=-._~"
_CLIMB = re.compile(r"(?:^|[/\\])\.\.?(?=[/\\]|$)")


@dataclass(frozen=True, slots=True)
class Template:
    """Literal texts, and the names of the placeholders between them: one text more than names."""

    literals: tuple[str, ...]
    names: tuple[str, ...]
    query: str = ""

    @classmethod
    def parse(cls, path: object) -> Template:
        """Cut `path`; raises ValueError saying what is wrong with it and what would be right."""
        if not isinstance(path, str):
            msg = f"the path is {path!r}: write text such as '/v1/orders/{{id}}'"
            raise ValueError(msg)  # noqa: TRY004 - as whatever else is wrong with it
        if not path.startswith("/") or path.startswith("//"):
            msg = f"the path {path!r} does not begin with one '/': write it as it is within the service"
            raise ValueError(msg)
        route, _, query = path.partition("?")
        if "{" in query or "}" in query:
            msg = (
                f"the path {path!r} has a placeholder in its query: give the method a parameter, it becomes part of it"
            )
            raise ValueError(msg)
        literals, names = _cut(route, path)
        for part, safe in (*((literal, _LITERAL) for literal in literals), (query, f"{_LITERAL}?")):
            if quote(part, safe=safe) != part:
                msg = f"the path {path!r} has characters in {part!r} that a URL cannot hold: percent-encode them"
                raise ValueError(msg)
        if _CLIMB.search("\0".join(literals)) or any(
            literal.endswith("..") or following.startswith("..") for literal, following in pairwise(literals)
        ):
            msg = f"the path {path!r} has dots where a server would take them as a step within the path"
            raise ValueError(msg)
        return cls(literals, names, query)


def _cut(route: str, path: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    literals, names = [""], []
    try:
        parts = list(Formatter().parse(route))
    except ValueError as exc:
        msg = f"the path {path!r} has a brace without its other: write placeholders as {{name}}"
        raise ValueError(msg) from exc
    for literal, name, spec, conversion in parts:
        literals[-1] += literal
        if name is None:
            continue
        if not name.isidentifier() or spec or conversion:
            msg = f"the path {path!r} has a placeholder that is no parameter's name: write it as {{name}}"
            raise ValueError(msg)
        names.append(name)
        literals.append("")
    return tuple(literals), tuple(names)
