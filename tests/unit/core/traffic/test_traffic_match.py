"""Rules, the texts they compare, cookies, and what a subset holds."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient.core.traffic.head import Head
from meshclient.core.traffic.match import Rule, fits, matched
from meshclient.core.traffic.sticky import Sticky
from meshclient.core.traffic.subset import Rest, Subset
from meshclient.model.endpoint import Endpoint


def head(method: str = "GET", path: str = "/", **headers: str) -> Head:
    fields = httpx.Headers({name.replace("_", "-"): value for name, value in headers.items()})
    return Head(method, path, fields.get)


@pytest.mark.parametrize(
    ("wanted", "value", "is_it"),
    [
        ("yes", "yes", True),
        ("yes", "Yes", False),
        ("yes", "yes!", False),
        ("team-*", "team-a", True),
        ("team-*", "team-", True),
        ("team-*", "a team-a", False),
        ("*", "", True),
        ("*", None, False),
        ("", "", True),
        ("", None, False),
        ("", "x", False),
    ],
)
def test_a_text_is_compared_as_a_whole_or_as_a_beginning(wanted: str, value: str | None, is_it: bool) -> None:
    assert fits(wanted, value) is is_it


@pytest.mark.parametrize(
    ("conditions", "is_it"),
    [
        ({"headers": {"x-user": "7"}}, True),
        ({"headers": {"X-USER": "7"}}, True),
        ({"headers": {"x-user": "8"}}, False),
        ({"headers": {"x-user": "7", "x-other": "*"}}, False),
        ({"cookies": {"session": "abc"}}, True),
        ({"cookies": {"session": "a*"}}, True),
        ({"cookies": {"Session": "abc"}}, False),
        ({"path": "/pay/*"}, True),
        ({"path": "/pay"}, False),
        ({"methods": ("PUT", "POST")}, True),
        ({"methods": ("GET",)}, False),
        ({"methods": ("POST",), "path": "/pay/*", "headers": {"x-user": "7"}, "cookies": {"session": "*"}}, True),
        ({"methods": ("POST",), "path": "/pay/*", "headers": {"x-user": "7"}, "cookies": {"other": "*"}}, False),
    ],
)
def test_all_that_a_rule_asks_for_must_hold(conditions: dict[str, Any], is_it: bool) -> None:
    asked = head("POST", "/pay/now", x_user="7", cookie="a=b; session=abc")
    assert Rule("v2", **conditions).matches(asked) is is_it


def test_the_first_rule_that_matches_holds() -> None:
    rules = [Rule("v1", path="/a"), Rule("v2", path="/*"), Rule("v3", path="/b")]
    assert [getattr(matched(rules, head(path=path)), "to", None) for path in ("/a", "/b", "x")] == ["v1", "v2", None]


@pytest.mark.parametrize(
    ("cookies", "value"),
    [
        ("session=abc", "abc"),
        ("a=1; session=abc; session=later", "abc"),
        ("a=1;session=abc", "abc"),
        ('session="abc"', "abc"),
        ("session=a=b", "a=b"),
        ("session=", ""),
        ('session="', '"'),
        ("session", None),
        ("xsession=abc", None),
        ("a[b]=odd; session=abc", "abc"),
        ("", None),
    ],
)
def test_a_cookie_is_found_among_others_even_odd_ones(cookies: str, value: str | None) -> None:
    assert head(cookie=cookies).cookie("session") == value
    assert Head("GET", "/", lambda _: None).cookie("session") is None


@given(st.text(), st.text())
def test_no_cookie_header_breaks_a_call(cookies: str, name: str) -> None:
    found = Head("GET", "/", lambda _: cookies).cookie(name)
    assert found is None or found in cookies


def test_what_keeps_a_caller_with_a_variant() -> None:
    asked = head(path="/a", x_user="7", cookie="session=abc; none=")
    assert Sticky("header", "x-user").key(asked, "own") == "7"
    assert Sticky("header", "x-none").key(asked, "own") is None
    assert Sticky("cookie", "session").key(asked, "own") == "abc"
    assert Sticky("cookie", "none").key(asked, "own") is None
    assert Sticky("path").key(asked, "own") == "/a"
    assert Sticky("call").key(asked, "own") == "own"
    assert Sticky("call").key(asked, None) is None


def test_a_subset_holds_what_has_all_its_labels_and_the_rest_what_no_subset_holds() -> None:
    both = Endpoint("a", 1, tags=("v2", "blue"), metadata={"version": "v2", "zone": "x"})
    tagged = Endpoint("b", 1, tags=("v2",))
    plain = Endpoint("c", 1)
    found = {
        subset: [each.host for each in (both, tagged, plain) if subset.holds(each)]
        for subset in (
            Subset(tags=("v2",)),
            Subset(tags=("v2", "blue")),
            Subset(metadata={"version": "v2"}, tags=("v2",)),
            Subset(metadata={"version": "v3"}, tags=("blue",)),
            Rest((Subset(tags=("blue",)),)),
            Rest(()),
        )
    }
    assert list(found.values()) == [["a", "b"], ["a"], ["a"], [], ["b", "c"], ["a", "b", "c"]]
