"""What may be asked of a client, ordinary and odd, and what may be changed in it between two calls; for Hypothesis."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import httpx
from hypothesis import strategies as st

Change = Callable[[Any], object]


def hook(_: object) -> None:
    """Nothing."""


METHODS = [
    "GET", "get", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "purge", "M-SEARCH", "CONNECT", "a b", "",
    "\xdf",
]  # fmt: skip
# Of what a URL may have at its places; "" leaves one out.
SCHEMES = ["http://", "https://", "HTTP://", "ftp://", "//", ""]
HOSTS = [
    "orders", "Orders.Internal", "a_b", "10.0.0.1", "300.1.1.1", "[::1]", "b\xfccher.example", "xn--bcher-kva.example",
    "u:p@orders", "@orders", "", "%41", "a-.b", "..", "h*st",
]  # fmt: skip
PORTS = ["", ":80", ":443", ":8080", ":080", ":", ":0", ":65536", ":99999", ":x"]
SEGMENTS = [
    "v1", "..", ".", "", "a b", "%41", "%zz", "\xe4", "a:b", "~", "{id}", "'", "|", "\\", ".x", "x..", "*", "@", "[",
    "`", ";p=1", "\x01",
]  # fmt: skip
QUERIES = [
    "",
    "?",
    "?a=b",
    "?a=b&a=c",
    "?q=\xe4 +",
    "?x?y",
    "?{`}",
    "?'\"<>",
    "?%20%zz",
    "?/../",
    "#frag",
    "?a=b#",
    "?a#b/..",
]
NAMES = [
    "X-A", "x-a", "Accept", "accept", "USER-AGENT", "Content-Type", "Host", "host", "Content-Length",
    "Transfer-Encoding", "Expect", "Upgrade", "Cookie", "Authorization", "Connection", "X:A", "", "\xe4", "X A", "X\n",
]  # fmt: skip
VALUES = [
    "1", "", " ", "a b", " a", "a\t", "a\tb", "a\r\nb", "\x00", "\x01", "\x7f", "\xe4", "text/plain", "5", "close",
]  # fmt: skip

ODD = ["method", "url", "content", "json", "extensions", "auth", "follow_redirects", "data", "files"]

urls = st.one_of(
    st.builds(
        lambda scheme, host, port, path, query: scheme + host + port + "".join("/" + each for each in path) + query,
        st.sampled_from(SCHEMES), st.sampled_from(HOSTS), st.sampled_from(PORTS),
        st.lists(st.sampled_from(SEGMENTS), max_size=3), st.sampled_from(QUERIES),
    ),
    st.builds(
        "http://orders{}/{}".format,
        st.sampled_from(["", ":8080"]),
        st.text(st.characters(max_codepoint=0x100), max_size=6),
    ),
    st.builds("/{}".format, st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=6)),
)  # fmt: skip
name = st.sampled_from([*NAMES, *[each.encode("latin-1") for each in NAMES]])
value = st.sampled_from([*VALUES, *[each.encode("latin-1") for each in VALUES]])
ordinary = st.tuples(
    st.sampled_from(["X-A", "x-a", "accept", "User-Agent", "Content-Type", b"X-B"]),
    st.sampled_from(["1", "b", b"\xe4"]),
)
pairs = st.one_of(st.lists(ordinary, max_size=3), st.lists(st.tuples(name, value), max_size=3))
headers = st.one_of(
    pairs,
    pairs.map(tuple),
    pairs.map(dict),
    pairs.map(lambda given_pairs: [list(each) for each in given_pairs]),
    st.dictionaries(st.sampled_from(["x-a", "Accept"]), st.just("1")).map(httpx.Headers),
    st.sampled_from([{"a": 1}, {1: "a"}, [("a",)], [("a", "b", "c")], 5, "ab", {"a": None}, [([], "a")]]),
)
scalar = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.floats(), st.text(max_size=5))
params = st.one_of(
    st.dictionaries(st.text(max_size=3), st.one_of(scalar, st.lists(scalar, max_size=2)), max_size=3),
    st.lists(st.tuples(st.text(max_size=3), scalar), max_size=3),
    st.sampled_from(
        ["", "a=b", "?a=b", b"a=b", b"\xe4", httpx.QueryParams(a=1), {}, [], 5, {"a": {"b": 1}}, "&", "a=\xe4"]
    ),
)
document = st.recursive(
    st.one_of(scalar, st.integers(), st.text()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(st.text(max_size=3), scalar), inner, max_size=3)
    ),
    max_leaves=6,
)
circle: list[Any] = []
circle.append(circle)
contents = st.one_of(st.binary(max_size=5), st.text(max_size=5), st.sampled_from(["\ud800", 5, [b"a", b"b"], b"", ""]))
timeouts = st.sampled_from([None, 1, 2.5, True, httpx.Timeout(3, read=None), (1, 2, 3, 4), (1,), "x"])
extensions = st.sampled_from(
    [{}, {"mesh": {"deadline": 1}}, {"mesh": None}, {"timeout": {"read": 1}}, {"mesh": {}, "trace": 1}, 5]
)
plain_urls = st.builds(
    lambda host, path, query: host + "/" + "/".join(path) + query,
    st.sampled_from(["http://orders", "https://Orders:8443", "http://10.0.0.1:80", ""]),
    st.lists(st.sampled_from(SEGMENTS[:-1]), max_size=3), st.sampled_from(["", "?a=b&c='", "?x?y"]),
)  # fmt: skip
plain_calls = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["GET", "post", "PUT", "DELETE", "HEAD"]),
        "url": st.one_of(plain_urls, plain_urls, urls),
    },
    optional={
        "content": st.sampled_from(["\xe4", b"abc", b""]),
        "json": document,
        "params": params,
        "headers": st.one_of(st.lists(ordinary, max_size=3).map(dict), headers),
        "timeout": timeouts,
    },
)
odd_calls = st.fixed_dictionaries(
    {"method": st.sampled_from(METHODS), "url": urls},
    optional={
        "content": contents,
        "json": st.sampled_from([{1, 2}, circle, float("nan"), "\ud800", {"a": object()}, 0, False, "", {}]),
        "extensions": extensions,
        "auth": st.sampled_from([None, ("u", "p")]),
        "follow_redirects": st.sampled_from([True, False, 1]),
        "data": st.sampled_from([{}, {"a": "b"}]),
        "files": st.just({}),
    },
)
calls = st.one_of(
    plain_calls,
    plain_calls,
    st.builds(
        lambda plain, odd, key: plain | ({key: odd[key]} if key in odd else {}),
        plain_calls,
        odd_calls,
        st.sampled_from(ODD),
    ),
    odd_calls,
)
bases = st.sampled_from(
    [
        "http://base",
        "http://base/",
        "http://Base:80/p/./q/",
        "http://base/p?x=y",
        "https://u:p@base/",
        "http://b/#f",
        "/p",
        "",
    ]
)
own_headers = st.one_of(st.lists(ordinary, max_size=2), st.lists(st.tuples(name, value), max_size=1))
# What a client may be told when it is made, and later.
SETTINGS: dict[str, st.SearchStrategy[Any]] = {
    "base_url": bases,
    "headers": own_headers,
    "params": st.sampled_from([{"own": 1}, "a=own", None]),
    "timeout": st.sampled_from([1, None, httpx.Timeout(3, read=1)]),
    "auth": st.sampled_from([None, None, ("u", "p")]),
    "cookies": st.sampled_from([{}, {}, {"a": "b"}]),
    "follow_redirects": st.booleans(),
    "event_hooks": st.sampled_from([{}, {}, {"request": [hook]}, {"response": [hook]}]),
}
settings = st.fixed_dictionaries(
    {"base_url": st.sampled_from(["http://base", "https://base:81/p"])},
    optional={
        "headers": own_headers,
        "timeout": st.just(2),
        "blocking": st.booleans(),
        "follow_redirects": st.booleans(),
    },
)


def change(key: str, value: Any) -> Change:
    return lambda client: setattr(client, key, value)


changes = st.one_of(
    *[values.map(partial(change, key)) for key, values in SETTINGS.items()],
    own_headers.map(lambda given_headers: lambda client: client.headers.update(given_headers)),
    st.tuples(st.sampled_from(["x-a", "accept", "host"]), st.sampled_from(["z", "y"])).map(
        lambda item: lambda client: client.headers.__setitem__(*item)
    ),
    st.sampled_from(["x-a", "accept", "user-agent"]).map(lambda key: lambda client: client.headers.pop(key, None)),
    st.sampled_from([7, None]).map(lambda seconds: lambda client: setattr(client.timeout, "read", seconds)),
    st.just(lambda client: client.event_hooks["request"].append(hook)),
    st.just(lambda client: client.event_hooks["request"].clear()),
    st.just(lambda client: client.cookies.set("c", "d")),
    st.just(lambda client: client.cookies.clear()),
    st.just(lambda client: client.cookies.delete("c")),
)
steps = st.lists(st.tuples(st.lists(changes, max_size=1), calls), min_size=1, max_size=4)
