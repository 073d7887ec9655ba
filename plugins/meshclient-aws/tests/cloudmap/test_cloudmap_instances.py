"""Whatever an answer holds, each instance is an endpoint or a complaint, and nothing else is raised."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient.discovery.resolver import ResolverUri
from meshclient.model.endpoint import Health
from meshclient_aws.cloudmap.instances import (
    Instance,
    PayloadError,
    endpoints_of,
    read_answer,
    read_revision,
)
from meshclient_aws.cloudmap.options import CloudMapOptions

OPTIONS = CloudMapOptions.parse(ResolverUri.parse("cloudmap://prod?port=80"))
KEYS = (
    *("AWS_INSTANCE_IPV4", "AWS_INSTANCE_IPV6", "AWS_INSTANCE_CNAME", "AWS_ALIAS_DNS_NAME", "AWS_INSTANCE_PORT"),
    *("AVAILABILITY_ZONE", "weight", "scheme", "protocol", "version"),
)
VALUES = st.sampled_from(["", "10.0.0.1", "fd00::1", "a.example", "80", "0", "99999", "nan", "-1", "https", "²"])
attributes = st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), VALUES | st.text(max_size=9))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def instance(**own: str) -> Instance:
    return Instance("i-1", "HEALTHY", {"AWS_INSTANCE_IPV4": "10.0.0.1", **own})


@given(st.lists(st.builds(Instance, st.text(max_size=70), st.text(max_size=9), attributes), min_size=1, max_size=5))
def test_each_instance_is_an_endpoint_or_a_complaint(instances: list[Instance]) -> None:
    good = instance()
    endpoints, malformed = endpoints_of((good, *instances), OPTIONS)
    assert len(endpoints) + len(malformed) == len(instances) + 1
    assert endpoints[0].host == "10.0.0.1"


@given(st.dictionaries(st.sampled_from(["Instances", "InstancesRevision", "message"]), json_values))
def test_any_answer_is_read_or_refused(answer: dict[str, object]) -> None:
    for reader in (read_answer, read_revision):
        with contextlib.suppress(PayloadError):
            reader(answer)


@given(st.lists(json_values, max_size=3))
def test_any_rows_are_read_or_refused(rows: list[object]) -> None:
    try:
        found = read_answer({"Instances": rows, "InstancesRevision": 1})
    except PayloadError:
        return
    assert len(found.instances) == len(rows)


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ({"AWS_INSTANCE_IPV4": ""}, "has none of AWS_INSTANCE_IPV4"),
        ({"AWS_INSTANCE_IPV4": "10.0.0"}, "'10.0.0'"),
        ({"AWS_INSTANCE_PORT": "http"}, "AWS_INSTANCE_PORT is 'http'"),
        ({"AWS_INSTANCE_PORT": "70000"}, "port 70000"),
        ({"weight": "0"}, "weight 0.0"),
        ({"weight": "heavy"}, "weight is 'heavy'"),
    ],
)
def test_complaints_say_what_is_wrong(own: dict[str, str], words: str) -> None:
    _, malformed = endpoints_of((instance(), Instance("i-2", "", {"AWS_INSTANCE_IPV4": "10.0.0.2", **own})), OPTIONS)
    (complaint,) = malformed
    assert complaint.startswith("'i-2': ")
    assert words in complaint


def test_nothing_but_complaints_is_an_error() -> None:
    with pytest.raises(PayloadError, match=r"none of 2 instances.*has no AWS_INSTANCE_PORT"):
        endpoints_of((instance(), instance()), CloudMapOptions.parse(ResolverUri.parse("cloudmap://prod")))
    assert endpoints_of((), OPTIONS) == ((), ())


@pytest.mark.parametrize(
    ("health", "expected"),
    [
        ("HEALTHY", Health.PASSING),
        ("UNHEALTHY", Health.CRITICAL),
        ("UNKNOWN", Health.UNKNOWN),
        ("BETWEEN", Health.UNKNOWN),
    ],
)
def test_health(health: str, expected: Health) -> None:
    ((endpoint,), _) = endpoints_of((Instance("i", health, {"AWS_INSTANCE_IPV4": "10.0.0.1"}),), OPTIONS)
    assert endpoint.health is expected


@pytest.mark.parametrize(
    ("own", "option", "expected"),
    [
        ({}, "", "http"),
        ({"protocol": "HTTPS"}, "", "https"),
        ({"scheme": "grpc", "protocol": "https"}, "", "https"),
        ({"scheme": "https"}, "&endpoint_scheme=http", "http"),
    ],
)
def test_scheme(own: dict[str, str], option: str, expected: str) -> None:
    options = CloudMapOptions.parse(ResolverUri.parse(f"cloudmap://prod?port=80{option}"))
    ((endpoint,), _) = endpoints_of((instance(**own),), options)
    assert endpoint.scheme == expected


def test_another_attribute_may_hold_the_weight() -> None:
    options = CloudMapOptions.parse(ResolverUri.parse("cloudmap://prod?port=80&weight=share"))
    ((endpoint,), _) = endpoints_of((instance(share="4", weight="none"),), options)
    assert endpoint.weight == 4.0
