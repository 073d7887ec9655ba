"""What a stub writes into a URL is what every server reads out of it."""

from __future__ import annotations

import posixpath
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit
from uuid import UUID

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient.rpc import get
from meshclient.rpc.codec.registry import JSON
from meshclient.rpc.stub.declaration import declared
from meshclient.rpc.stub.request_writer import RequestWriter
from meshclient.rpc.stub.route import ROUTE
from meshclient.rpc.stub.soundness import check_parameters
from meshclient.rpc.stub.template import Template
from meshclient.rpc.stub.text import segment, text

BASE = "http://orders"
# Surrogates are no characters: nothing can be sent of them.
TEXT = st.text(st.characters(codec="utf-8"), max_size=30)
SCALARS = st.one_of(
    TEXT,
    st.integers(),
    st.booleans(),
    st.floats(allow_nan=False),
    st.decimals(allow_nan=False),
    st.uuids(),
    st.dates(),
    st.datetimes(),
    st.times(),
)


class Orders(Protocol):
    @get("/v1/{one}/x-{two}.json?fixed=1")
    def call(
        self, one: str | int, two: str, q: str | float | None = None, many: tuple[str, ...] = (), *, last: str = ""
    ) -> None: ...


def writer(method: Any = Orders.call) -> RequestWriter:
    template = Template.parse(getattr(method, ROUTE).path)
    declaration = declared(method, "Orders.call", template.names)
    check_parameters(declaration, template, "GET", JSON)
    return RequestWriter(declaration, template, BASE, {}, JSON)


WRITE = writer()


def climbs(value: str) -> bool:
    """Whether a server that decodes before it looks would step through this."""
    return value == "" or any(part in (".", "..") for part in value.replace("\\", "/").split("/"))


@given(SCALARS, TEXT.filter(lambda each: not climbs(each)), st.none() | SCALARS, st.lists(TEXT), TEXT)
def test_a_url_says_what_it_was_written_from(one: Any, two: str, q: Any, many: list[str], last: str) -> None:
    if climbs(text(one)):
        with pytest.raises(ValueError, match="parameter 'one'"):
            WRITE((one, two), {})
        return
    url, _, _ = WRITE((one, two, q), {"many": many, "last": last})
    pairs = [
        ("fixed", "1"),
        *([] if q is None else [("q", text(q))]),
        *(("many", each) for each in many),
        ("last", last),
    ]
    split = urlsplit(url)
    assert split.netloc == "orders"
    assert split.fragment == ""
    assert [unquote(part) for part in split.path.split("/")] == ["", "v1", text(one), f"x-{two}.json"]
    assert parse_qsl(split.query, keep_blank_values=True) == pairs
    # httpx changes nothing in it, and reads the same.
    parsed = httpx.URL(url)
    assert str(parsed) == url
    assert parsed.params.multi_items() == pairs
    assert url.isascii()
    assert url.isprintable()
    assert " " not in url


@given(TEXT)
def test_no_value_leaves_its_segment(value: str) -> None:
    try:
        written = segment(value)
    except ValueError:
        assert climbs(value)
        return
    assert not climbs(value)
    decoded = unquote(written).replace("\\", "/")
    for prefix, suffix in (("", ""), (".", ""), ("a", "b"), ("", ".")):
        path = posixpath.normpath(f"/base/{prefix}{decoded}{suffix}/end")
        assert path.startswith("/base/")
        assert path != "/base/end"
    assert not set("/?#\\ ").intersection(written)


@given(st.uuids() | st.decimals(allow_nan=False) | st.datetimes() | st.floats(allow_nan=False) | st.integers())
def test_a_value_can_be_read_back(value: Any) -> None:
    written = text(value)
    read = datetime.fromisoformat if isinstance(value, datetime) else type(value)
    assert read(written) == value
    assert isinstance(value, UUID | Decimal | datetime | float | int)


@given(st.lists(SCALARS, min_size=2, max_size=5), st.integers(0, 5))
def test_names_and_places_are_the_same(values: list[Any], positional: int) -> None:
    values = [f"x{each!r}" for each in values]
    names = ["one", "two", "q", "many", "last"][: len(values)]
    arguments = dict(zip(names, values, strict=True))
    if "many" in arguments:
        arguments["many"] = [arguments["many"]]
    given_values = list(arguments.values())
    cut = min(positional, 4, len(given_values))
    assert WRITE(tuple(given_values[:cut]), dict(list(arguments.items())[cut:])) == WRITE((), arguments)


@given(TEXT.filter(lambda path: "{" not in path and "}" not in path))
def test_a_path_is_taken_as_it_is_or_refused(path: str) -> None:
    try:
        template = Template.parse(path)
    except ValueError:
        return
    assert template.names == ()
    query = f"?{template.query}" if template.query else ""
    assert path.rstrip("?") == (template.literals[0] + query).rstrip("?")
    parsed = httpx.URL(BASE + path)
    assert parsed.raw_path.decode().rstrip("?") == path.rstrip("?")
    assert parsed.host == "orders"
