"""Whatever a server answers, and whatever is asked of the response in whatever order: both roads say the same."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

import brotli  # type: ignore[import-untyped]
import zstandard
from hypothesis import example, given
from hypothesis import strategies as st

from meshclient.http.plain.request import PlainRequests
from unit.http.plain.roads import PROBES, Answer, facts, outcome, road, short

STATUSES = [101, 200, 201, 204, 299, 300, 301, 302, 303, 304, 307, 308, 400, 404, 429, 500, 503, 599, 600, 799]
TYPES = [
    b"application/json", b"text/plain", b"text/html; charset=utf-8", b"text/plain; charset=latin-1",
    b'a/b; charset="utf-16"', b"a/b; charset=no-such", b"a/b; charset=", b"a/b; charset*=utf-8''x", b"",
    b"\xff; charset=utf-8", b"text/plain;;",
]  # fmt: skip
LOCATIONS = [
    b"/next", b"next?a=1", b"http://other/x", b"https://orders/x", b"//third:81/y", b"http:///nohost", b"", b"#frag",
    b"http://[bad", b"/\xc3\xa4", b"http://orders:80/same", b"http://u:p@orders/v1", b"mailto:a@b",
]  # fmt: skip
COOKIES = [
    b"a=b", b"a=b; Path=/", b"a=b; Domain=other", b"c=d; Max-Age=0", b"c=d; Max-Age=60; Secure", b"", b"=", b"e",
    b"\xff=1", b"a=b; Path=/v1; HttpOnly", b"f=g; Expires=Wed, 21 Oct 2015 07:28:00 GMT",
]  # fmt: skip
LINKS = [b'<http://x/2>; rel="next"', b"<a>", b"", b'<a>; rel="n", <b>; rel=l; title', b'<a>; "']
CODINGS = {
    b"gzip": gzip.compress,
    b"deflate": zlib.compress,
    b"br": brotli.compress,
    b"zstd": zstandard.compress,
    b"identity": bytes,
    b"no-such": bytes,
}

value = st.binary(max_size=8).map(lambda b: bytes(c for c in b if c > 31 and c != 127).strip(b" \t"))
name = st.sampled_from([b"X-A", b"x-a", b"Server", b"ETag", b"Connection", b"Retry-After", b"Content-Length", b"x"])
special = st.one_of(
    st.tuples(st.sampled_from([b"Content-Type", b"content-type"]), st.sampled_from(TYPES)),
    st.tuples(st.sampled_from([b"Location", b"LOCATION"]), st.sampled_from(LOCATIONS)),
    st.tuples(st.sampled_from([b"Set-Cookie", b"set-cookie", b"Set-Cookie2"]), st.sampled_from(COOKIES)),
    st.tuples(st.just(b"Link"), st.sampled_from(LINKS)),
)
text = st.one_of(
    st.binary(max_size=40),
    st.text(max_size=20).map(lambda t: t.encode("utf-8", "replace")),
    st.sampled_from(
        [b'{"a": [1, 2.5, null]}', b"[]", b"NaN", b'"\xc3\xa4"', b'{"a":1}x', b"a\r\nb\rc\n\nd", "ä\u2028b".encode()]
    ),
)


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    headers = draw(st.lists(st.one_of(st.tuples(name, value), special), max_size=6))
    body = draw(text)
    for coding in draw(st.lists(st.sampled_from(sorted(CODINGS)), max_size=2)):
        headers.append((draw(st.sampled_from([b"Content-Encoding", b"content-encoding"])), coding))
        body = CODINGS[coding](body)
    if draw(st.integers(0, 9)) == 0:
        body = body[: draw(st.integers(0, len(body)))]
    reason = draw(st.sampled_from([b"OK", b"", b"Not \xe4 Word", b"Moved"]))
    return Answer(draw(st.sampled_from(STATUSES)), headers, body, reason, draw(st.sampled_from(["1.1", "1.0"])))


def charset(content: bytes) -> str:
    return "latin-1" if b"\xe4" in content else "utf-8"


calls = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["GET", "POST", "HEAD", "DELETE"]),
        "url": st.sampled_from(["http://orders/v1/x?y=z", "/v1"]),
    },
    optional={
        "json": st.just({"a": 1}),
        "headers": st.sampled_from(
            [{"Authorization": "secret"}, {"x-\xe4": "1"}, [("a", "b"), ("a", "c")], {"Cookie": "m=n"}]
        ),
        "follow_redirects": st.booleans(),
        "extensions": st.just({"mesh": {"deadline": 1}}),
    },
)
settings = st.fixed_dictionaries(
    {"base_url": st.just("http://base/p/"), "default_encoding": st.sampled_from(["utf-8", "latin-1", charset])},
    optional={"follow_redirects": st.booleans(), "max_redirects": st.integers(0, 2), "blocking": st.booleans()},
)


@given(settings, calls, st.lists(answers(), min_size=5, max_size=5), st.data())
@example(
    {}, {"method": "GET", "url": "http://a/", "follow_redirects": True}, [Answer(302, [(b"Location", b"/b")])] * 5, None
)
def test_both_roads_bring_the_same_response(
    given_settings: dict[str, Any], call: dict[str, Any], given_answers: list[Answer], data: st.DataObject | None
) -> None:
    judge, ours = road(**given_settings), road(**given_settings)
    plain = PlainRequests(ours.client)
    judge.answers, ours.answers = list(given_answers), list(given_answers)
    probes = list(PROBES) if data is None else data.draw(st.permutations(list(PROBES)))
    kept: list[Any] = []

    def one() -> Any:
        kept.append(judge.ask(**call))
        return True

    def other() -> Any:
        kept.append(short(ours, plain, **call))
        return True

    assert outcome(other) == outcome(one)
    assert ours.sent == judge.sent
    assert facts(ours.client.cookies) == facts(judge.client.cookies)
    assert ours.client._state is judge.client._state
    if len(kept) == 2:
        said, wanted = kept
        for probe in probes:
            assert outcome(PROBES[probe], said) == outcome(PROBES[probe], wanted), probe
