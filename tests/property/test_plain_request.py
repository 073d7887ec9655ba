"""Whatever a client and a call ask for: the short road writes what httpx and h11 would, or leaves it to them."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
from hypothesis import event, given
from hypothesis import strategies as st

from meshclient.http.plain.request import PlainRequests
from unit.http.plain.roads import Answer, facts, outcome, road, short
from unit.http.plain.wishes import Change, calls, document, settings, steps

ANSWER = Answer(200, [(b"Content-Length", b"2")], b"{}")


@given(settings, steps)
def test_both_roads_send_the_same_requests_whatever_is_changed_between_them(
    given_settings: dict[str, Any], given_steps: list[tuple[list[Change], dict[str, Any]]]
) -> None:
    try:
        judge, ours = road(**given_settings), road(**given_settings)
    except (httpx.InvalidURL, TypeError, ValueError):
        return
    plain = PlainRequests(ours.client)

    def asked(**call: Any) -> Any:
        return facts(judge.ask(**call).request)

    def answered(**call: Any) -> Any:
        return facts(short(ours, plain, **call).request)

    for acts, step in given_steps:
        for act in acts:
            assert outcome(act, ours.client) == outcome(act, judge.client)
        for each in (judge, ours):
            each.answers = [ANSWER]
        event("short" if plain.prepare(**step) is not None else "httpx's own")
        wanted = outcome(asked, **step)
        assert outcome(answered, **step) == wanted
        assert ours.sent == judge.sent
        assert ours.client._state is judge.client._state


@given(calls)
def test_what_a_call_says_of_itself_is_what_its_request_says(call: dict[str, Any]) -> None:
    ours = road()
    made = PlainRequests(ours.client).prepare(**call)
    if made is None:
        return
    request = made.request()
    assert (made.method, made.scheme, made.host, made.port) == (
        request.method, request.url.scheme, request.url.host, request.url.port,
    )  # fmt: skip
    assert made.path == request.url.path
    assert made.headers == request.headers.raw
    assert made.content == request.content
    assert made.timeouts == request.extensions["timeout"]
    assert made.mesh == request.extensions.get("mesh")
    for each in request.headers:
        found = made.header(each.encode())
        assert found is not None
        assert found.decode(request.headers.encoding) == request.headers[each]
    assert made.header(b"x-none") is None


common = st.lists(st.sampled_from(["X-A", "x-a", "content-type", "X%b"]), min_size=1, unique=True)
odd = st.sampled_from([[], [], ["host"], ["te"], [b"x-b"], ["x-\xe4"]])
values = st.sampled_from(["", "1", "a b", " a", "a\nb", "a\r\nb", "%s", "\xe4", "\0", b"bytes", 1])


@given(st.sampled_from([{"X-Own": "100%"}, {"Host": "own"}]), common, odd, st.lists(values, min_size=16, max_size=16))
def test_names_that_were_seen_before_are_written_the_same_way(
    own: dict[str, str], usual_names: list[Any], odd_names: list[Any], given_values: list[Any]
) -> None:
    """Calls with the same names take a step less from the second one on."""
    given_names, given_values = [*usual_names, *odd_names], ["usual"] * 8 + given_values
    judge, ours = road(headers=own), road(headers=own)
    plain = PlainRequests(ours.client)
    for turn in range(3):
        headers = dict(zip(given_names, given_values[turn * 8 :], strict=False))
        try:
            wanted = judge.client.build_request("GET", "http://orders/", headers=headers).headers.raw
        except (TypeError, ValueError):
            assert plain.prepare("GET", "http://orders/", headers=headers) is None
            continue
        made = plain.prepare("GET", "http://orders/", headers=headers)
        if all(type(value) is str and re.fullmatch(r"\w*", value, re.ASCII) for value in headers.values()):
            assert made is not None or not {"te", "x-\xe4"}.isdisjoint(headers)
        if made is not None:
            assert made.headers == wanted
            assert all(re.fullmatch(rb"(?:[!-~](?:[ !-~]*[!-~])?)?", value) for _, value in made.headers)
            assert made.head.count(b"\r\n") == 1 + len(wanted)


@given(document)
def test_json_is_encoded_to_the_same_bytes(value: Any) -> None:
    made = road()
    if value is None:
        return
    call = PlainRequests(made.client).prepare("POST", "http://orders/", json=value)
    try:
        wanted = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except ValueError:
        assert call is None
    else:
        assert call is not None
        assert call.content == wanted
