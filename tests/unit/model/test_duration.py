"""Durations as people write them."""

import math

import pytest

from meshclient.model.duration import format_duration, parse_duration


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("250ms", 0.25),
        ("1.5s", 1.5),
        ("2m", 120),
        ("1h", 3600),
        ("0", 0),
        ("0.25", 0.25),
        (".5s", 0.5),
        (" 5 s ", 5),
        (3, 3),
        (0.1, 0.1),
        (0, 0),
    ],
)
def test_parse(value: object, seconds: float) -> None:
    assert parse_duration(value) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "value",
    ["", "s", "-1s", "+1s", "1d", "1 5s", "1e3s", "nan", "inf", "1h30m", "5S", "1.s", None, True, [], {}, b"5s"],
)
def test_what_is_no_duration_is_refused_with_an_example(value: object) -> None:
    with pytest.raises(ValueError, match="is not a duration: write seconds") as caught:
        parse_duration(value)
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize(
    "value", [-1, -0.001, math.inf, math.nan, pytest.param("9" * 400, id="digits"), pytest.param(10**400, id="huge")]
)
def test_a_duration_is_finite_and_not_negative(value: object) -> None:
    with pytest.raises(ValueError, match="must be finite and not negative"):
        parse_duration(value)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0ms"),
        (0.25, "250ms"),
        (0.0123, "12.3ms"),
        (0.9999, "1s"),
        (1, "1s"),
        (1.5, "1.5s"),
        (59.99, "60s"),
        (120, "2m"),
        (3599.9, "60m"),
        (5400, "1.5h"),
        (3600 * 1234, "1234h"),
    ],
)
def test_format(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
