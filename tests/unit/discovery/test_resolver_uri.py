"""What `ResolverUri` understands, refuses and hides."""

from __future__ import annotations

import pytest

from meshclient.discovery.resolver import ResolverUri
from meshclient.errors import ConfigError

SECRET = "s3cr3t"


@pytest.mark.parametrize(
    ("text", "scheme", "authority", "path", "options"),
    [
        ("dns", "dns", "", "", {}),
        ("dns://", "dns", "", "", {}),
        ("  dns://  ", "dns", "", "", {}),
        ("CONSUL://Host:8500", "consul", "Host:8500", "", {}),
        ("file:///etc/mesh.toml", "file", "", "/etc/mesh.toml", {}),
        ("file:///etc/my mesh.toml", "file", "", "/etc/my mesh.toml", {}),
        ("consul://[::1]:8500/x?dc=eu", "consul", "[::1]:8500", "/x", {"dc": "eu"}),
        ("static://a:80,[::1]:80", "static", "a:80,[::1]:80", "", {}),
        ("static://[fe80::1%25eth0]:80", "static", "[fe80::1%25eth0]:80", "", {}),
        ("consul://h?filter=a%20in%20b&near=", "consul", "h", "", {"filter": "a in b", "near": ""}),
        ("consul://h?filter=a in b", "consul", "h", "", {"filter": "a in b"}),
        ("static://?orders=http://a:80", "static", "", "", {"orders": "http://a:80"}),
    ],
)
def test_a_uri_is_taken_apart(text: str, scheme: str, authority: str, path: str, options: dict[str, str]) -> None:
    uri = ResolverUri.parse(text)
    assert (uri.scheme, uri.authority, uri.path, dict(uri.options)) == (scheme, authority, path, options)


@pytest.mark.parametrize(
    "text", ["", "  ", "://", "127.0.0.1:8500", "consul:8500", "1st://x", "a b", "/etc/mesh.toml", "consul://h |dns://"]
)
def test_what_is_no_uri_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigError, match=r"is not a resolver: write scheme://address, such as consul://"):
        ResolverUri.parse(text)


def test_a_fragment_is_refused_rather_than_dropped() -> None:
    with pytest.raises(ConfigError, match="write it %23"):
        ResolverUri.parse("file:///etc/a#b.toml")
    assert ResolverUri.parse("consul://h?tag=a%23b").text("tag") == "a#b"


def test_an_option_twice_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"consul://h\?dc=b names the option 'dc' twice"):
        ResolverUri.parse("consul://h?dc=a&dc=b")


@pytest.mark.parametrize("bad", ["127.0.0.1?token={}", "h?token={}", "://u:{}@h", "consul://h?token={}&token=x"])
def test_an_error_shows_no_secret(bad: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ResolverUri.parse(bad.format(SECRET))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("option", ["token", "Token", "acl_token", "password", "client_secret", "secret_key"])
@pytest.mark.parametrize("show", [str, repr])
def test_secrets_are_hidden(option: str, show: object) -> None:
    uri = ResolverUri.parse(f"consul://user:{SECRET}@h:8500/x?dc=eu&{option}={SECRET}")
    assert callable(show)
    shown = show(uri)
    assert SECRET not in shown
    assert "consul://h:8500/x?dc=eu" in shown
    assert uri.text(option) == SECRET


def test_a_missing_option_is_its_default() -> None:
    uri = ResolverUri.parse("x://")
    assert (uri.text("a"), uri.text("a", "b"), uri.number("a", 2.5), uri.duration("a", 3.0)) == ("", "b", 2.5, 3.0)
    assert (uri.flag("a"), uri.flag("a", default=True)) == (False, True)


@pytest.mark.parametrize(("text", "seconds"), [("30", 30.0), ("250ms", 0.25), ("2m", 120.0), ("0", 0.0)])
def test_durations(text: str, seconds: float) -> None:
    assert ResolverUri.parse(f"x://?wait={text}").duration("wait", 1.0) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["soon", "-1s", "1y", "inf", "nan"])
def test_a_bad_duration_is_refused_by_name(text: str) -> None:
    with pytest.raises(ConfigError, match=f"wait='{text}' in x://.* is not a duration"):
        ResolverUri.parse(f"x://h?wait={text}").duration("wait", 1.0)


def test_numbers() -> None:
    assert ResolverUri.parse("x://?n=2.5").number("n", 1.0) == 2.5


@pytest.mark.parametrize("text", ["two", "nan", "inf", "-inf", "1e999"])
def test_a_bad_number_is_refused_by_name(text: str) -> None:
    with pytest.raises(ConfigError, match=f"n='{text}' in x://h"):
        ResolverUri.parse(f"x://h?n={text}").number("n", 1.0)


@pytest.mark.parametrize(
    ("query", "value"),
    [
        *[(query, True) for query in ("f", "f=", "f=on", "f=TRUE", "f=yes", "f=1")],
        *[(query, False) for query in ("f=off", "f=False", "f=no", "f=0")],
    ],
)
@pytest.mark.parametrize("default", [True, False])
def test_flags(query: str, value: bool, default: bool) -> None:
    assert ResolverUri.parse(f"x://?{query}").flag("f", default=default) is value


def test_a_bad_flag_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"f='maybe' in x://.* is not a switch: write on or off"):
        ResolverUri.parse("x://?f=maybe").flag("f")


def test_an_unknown_option_is_an_error_with_a_suggestion() -> None:
    uri = ResolverUri.parse("x://?interva=3")
    uri.duration("interval", 1.0)
    with pytest.raises(ConfigError, match=r"x:// has no option 'interva'; did you mean 'interval'\?"):
        uri.finish()


def test_an_unknown_option_far_from_any_lists_the_known() -> None:
    uri = ResolverUri.parse("x://?zzz=3")
    uri.text("tag")
    uri.text("dc")
    with pytest.raises(ConfigError, match="has no option 'zzz'; known: dc, tag"):
        uri.finish()
    with pytest.raises(ConfigError, match="known: none"):
        ResolverUri.parse("x://?zzz=3").finish()


def test_finish_is_content_when_everything_was_asked_for() -> None:
    uri = ResolverUri.parse("x://?a=1&b")
    uri.text("a")
    uri.flag("b")
    uri.finish()


def test_equal_texts_are_equal_whatever_was_read() -> None:
    one, other = ResolverUri.parse("x://h?a=1"), ResolverUri.parse("x://h?a=1")
    one.text("a")
    assert one == other
    assert one != ResolverUri.parse("x://h?a=2")
