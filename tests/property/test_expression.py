"""Whatever is put together is taken apart the same way, however much white space stands in it."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient.discovery.expression import Choice, Expression, Migration, Sum, parse, uris
from meshclient.discovery.resolver import ResolverUri
from meshclient.errors import ConfigError

URIS = [
    "consul://127.0.0.1:8500?dc=eu",
    "static://a:1,b:2",
    "static://?orders=http://a:1,http://b:2",
    "dns://",
    "file:///etc/mesh(1).toml",
    "dns",
    "migrate://h",
]
leaves = st.sampled_from(URIS).map(ResolverUri.parse)


def trees() -> st.SearchStrategy[Expression]:
    def grown(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
        term = inner.filter(lambda each: not isinstance(each, Choice | Sum))
        part = inner.filter(lambda each: not isinstance(each, Choice))
        return st.one_of(
            st.builds(Migration, inner, inner),
            st.lists(term, min_size=2, max_size=3).map(lambda parts: Sum(tuple(parts))),
            st.lists(part, min_size=2, max_size=3).map(lambda parts: Choice(tuple(parts))),
        )

    return st.recursive(leaves, grown, max_leaves=6)


white = st.sampled_from([" ", "  ", "\n", "\t "])


def written(tree: Expression, draw: st.DataObject) -> str:
    some, none = draw.draw(white), draw.draw(st.just("") | white)
    if isinstance(tree, ResolverUri):
        return next(text for text in URIS if ResolverUri.parse(text) == tree)
    if isinstance(tree, Migration):
        name = draw.draw(st.sampled_from(["migrate", "Migrate", "migrate "]))
        return f"{name}({none}{written(tree.serving, draw)}{none},{some}{written(tree.next, draw)}{none})"
    operator = "|" if isinstance(tree, Choice) else "+"
    return f"{some}{operator}{some}".join(written(part, draw) for part in tree.parts)


@given(trees(), st.data())
def test_what_is_written_is_read(tree: Expression, data: st.DataObject) -> None:
    text = written(tree, data)
    assert parse(f" {text}\n") == tree
    assert list(uris(parse(text))) == list(uris(tree))


@given(st.text(alphabet="a:/|+,() \nmigrate?=", max_size=40))
def test_anything_else_is_an_error_for_people(text: str) -> None:
    with suppress(ConfigError):
        assert list(uris(parse(text)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("migrate(consul://a, dns://", "migrate(...) never ends: a ')' is missing; write migrate(consul://127.0.0.1:8"),
        ("migrate(consul://a, dns://) x", "migrate(...) has more behind its ')'; write"),
        ("migrate(consul://a,dns://)", "takes two resolvers and not 1: write migrate(consul://127.0.0.1:8500, cloud"),
        ("migrate(consul://a)", "takes two resolvers and not 1"),
        ("migrate()", "takes two resolvers and not 0"),
        ("migrate(, dns://)", "takes two resolvers and not 1"),
        ("migrate(a://, b://, c://)", "takes two resolvers and not 3"),
        ("migrate(a://|b://, c://)", "write white space on both sides of '|' and '+'"),
        ("migrate(a://, no resolver)", "'no resolver' is not a resolver: write scheme://address"),
        ("migrate(a://?x=(, b://)", "never ends"),
    ],
)
def test_mistakes_are_named(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert said in str(caught.value)


def test_no_password_is_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        parse("migrate(consul://user:hunter2@a, b://) c")
    assert "hunter2" not in str(caught.value)
