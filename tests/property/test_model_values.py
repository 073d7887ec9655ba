"""What holds for every name, endpoint, listing and duration."""

import string
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient.model.duration import format_duration, parse_duration
from meshclient.model.endpoint import MAX_PORT, MAX_WEIGHT, Endpoint, Health
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Empty, listing

# The last label begins with a letter, since a host of digits and dots is judged as an IPv4 address; and no label is an
# internationalised one, whose rules have tests of their own.
names = st.from_regex(r"([a-z0-9_]([a-z0-9_-]{0,20}[a-z0-9_])?\.){0,2}[a-z_][a-z0-9_]{0,8}", fullmatch=True).filter(
    lambda name: "xn--" not in name
)
hosts = st.one_of(st.ip_addresses(v=4).map(str), st.ip_addresses(v=6).map(str), names)
endpoints = st.builds(
    Endpoint,
    host=hosts,
    port=st.integers(1, MAX_PORT),
    scheme=st.sampled_from(["http", "https"]),
    id=st.text(max_size=3),
    weight=st.floats(0, MAX_WEIGHT, exclude_min=True),
    priority=st.integers(0, 3),
    zone=st.sampled_from(["", "a", "b"]),
    metadata=st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
    health=st.sampled_from(Health),
)
# Few identities, so that lists hold duplicates.
crowded = st.builds(
    Endpoint,
    host=st.sampled_from(["a", "b"]),
    port=st.integers(1, 2),
    id=st.sampled_from(["", "i"]),
    weight=st.integers(1, 5),
    priority=st.integers(0, 1),
    zone=st.sampled_from(["", "z"]),
)


@given(endpoints)
def test_a_url_is_read_back_as_the_same_address(endpoint: Endpoint) -> None:
    again = Endpoint.parse(endpoint.url)
    assert again.key == replace(endpoint, id="").key
    assert again.url == endpoint.url


@given(st.text())
def test_parsing_an_endpoint_succeeds_or_raises_value_error(text: str) -> None:
    try:
        endpoint = Endpoint.parse(text)
    except ValueError:
        return
    assert Endpoint.parse(endpoint.url).url == endpoint.url


@given(st.one_of(st.floats(), st.integers()))
def test_a_weight_is_kept_or_refused(weight: float) -> None:
    try:
        assert Endpoint("a", 1, weight=weight).weight == weight
    except ValueError as exc:
        assert f"weight {weight!r} of a:1" in str(exc)  # noqa: PT017 - either way is right
        assert not 0 < weight <= MAX_WEIGHT


@given(st.lists(crowded, max_size=12))
def test_a_listing_is_sorted_and_holds_every_identity_once(given_ones: list[Endpoint]) -> None:
    snapshot = listing(given_ones, source="s")
    keys = [endpoint.key for endpoint in snapshot.endpoints]
    assert sorted(set(keys)) == sorted(keys) == sorted({endpoint.key for endpoint in given_ones})
    order = [(e.priority, e.zone, e.host, e.port, e.scheme, e.id) for e in snapshot.endpoints]
    assert order == sorted(order)
    assert isinstance(snapshot, Empty) is (not given_ones)


@given(
    st.lists(crowded, max_size=12, unique_by=lambda e: e.key).flatmap(
        lambda e: st.tuples(st.just(e), st.permutations(e))
    )
)
def test_a_listing_does_not_depend_on_the_order_of_the_answer(pair: tuple[list[Endpoint], list[Endpoint]]) -> None:
    assert listing(pair[0], source="s") == listing(pair[1], source="s")


@given(st.text())
def test_a_name_once_parsed_stays_as_it_is(text: str) -> None:
    try:
        name = ServiceName.parse(text)
    except ValueError:
        return
    assert ServiceName.parse(str(name)) == name == ServiceName(str(name))
    assert set(str(name)) <= set(string.ascii_lowercase + string.digits + "_-.")


@given(st.from_regex(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,60}[A-Za-z0-9_])?", fullmatch=True))
def test_single_label_names_of_any_case_are_names(text: str) -> None:
    assert str(ServiceName.parse(text)) == text.lower()


@given(st.floats(1e-5, 3.6e6))
def test_a_formatted_duration_is_read_back_to_three_digits(seconds: float) -> None:
    text = format_duration(seconds)
    assert parse_duration(text) == pytest.approx(seconds, rel=0.0051)
    assert len(text) <= 9


@given(st.floats(0, 1e15))
def test_plain_seconds_stay_what_they_are(seconds: float) -> None:
    assert parse_duration(seconds) == seconds


@given(st.integers(0, 10**6), st.sampled_from([("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0)]))
def test_every_unit_means_its_seconds(number: int, unit: tuple[str, float]) -> None:
    assert parse_duration(f"{number}{unit[0]}") == pytest.approx(number * unit[1])
