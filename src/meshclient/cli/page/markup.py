"""HTML from parts, so that nothing reaches a page unescaped."""

from __future__ import annotations

from html import escape

from meshclient.cli.render import printable


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def element(name: str, *inside: str | Markup, **attributes: object) -> Markup:
    """An element; what is inside is escaped unless it is `Markup`.

    Attributes are spelt with ``_`` for ``-``, and with one behind a name that Python keeps for itself; those that are
    None are left out.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{given}>{''.join(text(each) for each in inside)}</{name}>")


def text(value: object) -> Markup:
    """`value` as text on a page; without control characters, which HTML cannot hold."""
    if isinstance(value, Markup):
        return value
    said = str(value)
    return Markup(escape("".join(c if c in "\n\t" else printable(c) for c in said)))


def joined(parts: list[Markup]) -> Markup:
    """One after the other."""
    return Markup("".join(parts))


def percent(share: float) -> str:
    """A length or place in a drawing that is as wide as the page lets it be."""
    return f"{min(max(share, 0.0), 1.0) * 100:.3f}".rstrip("0").rstrip(".") + "%"
