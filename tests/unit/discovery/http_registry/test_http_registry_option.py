"""Options with rules of their own."""

from __future__ import annotations

import pytest

from meshclient.discovery.http_registry.option import choice, seconds
from meshclient.discovery.resolver import ResolverUri
from meshclient.errors import ConfigError


def test_a_choice() -> None:
    uri = ResolverUri.parse("foo://h?by=ip")
    assert choice(uri, "by", ("host", "ip"), "host") == "ip"
    assert choice(uri, "other", ("a", "b")) == ""
    assert choice(uri, "third", ("a", "b"), "a") == "a"
    with pytest.raises(ConfigError, match=r"by='ip' in foo://h.by=ip: write host or name"):
        choice(uri, "by", ("host", "name"))
    uri.finish()


@pytest.mark.parametrize("text", ["1", "1s", "1000ms"])
def test_seconds(text: str) -> None:
    assert seconds(ResolverUri.parse(f"foo://h?wait={text}"), "wait", 5.0, least=1.0, most=1.0) == 1
    assert seconds(ResolverUri.parse("foo://h"), "wait", 5.0) == 5


@pytest.mark.parametrize(
    ("text", "least", "most", "problem"),
    [
        ("0", 0, float("inf"), "wait=0 in foo://h.wait=0: seconds must be above 0$"),
        ("0", 0, 60, "must be above 0 and at most 60$"),
        ("61", 0, 60, "wait=61 .* above 0 and at most 60$"),
        ("500ms", 1, float("inf"), "wait=0.5 .* must be at least 1$"),
        ("soon", 0, 60, "wait='soon' .* not a duration"),
    ],
)
def test_seconds_out_of_bounds(text: str, least: float, most: float, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        seconds(ResolverUri.parse(f"foo://h?wait={text}"), "wait", 5.0, least=least, most=most)
