"""Each kind of value: what it takes, what it refuses and in which words, how it is written back."""

import re

import pytest

from meshclient.config import kinds
from meshclient.config.kinds import Kind
from meshclient.config.policy_shape import Backoff
from meshclient.errors import ConfigError
from meshclient.model.endpoint import Endpoint, Health

TAKEN = [
    (kinds.TEXT, " dns:// ", "dns://", "dns://"),
    (kinds.MODE, "on-demand", "on-demand", "on-demand"),
    (kinds.BALANCER, "round_robin", "round_robin", "round_robin"),
    (kinds.BOUND, "250ms", 0.25, "250ms"),
    (kinds.BOUND, 2, 2.0, "2s"),
    (kinds.BOUND, 1234.5, 1234.5, "1234.5s"),
    (kinds.BOUND, 1e-10, 1e-10, "0.0000000001s"),
    (kinds.BOUND, "24h", 86400.0, "24h"),
    (kinds.OPTIONAL_BOUND, False, None, False),
    (kinds.OPTIONAL_BOUND, None, None, False),
    (kinds.OPTIONAL_BOUND, "5m", 300.0, "5m"),
    (kinds.BACKOFF, "25ms..1s", Backoff(0.025, 1.0), "25ms..1s"),
    (kinds.BACKOFF, "0 .. 0", Backoff(0.0, 0.0), "0ms..0ms"),
    (kinds.ATTEMPTS, 10, 10, 10),
    (kinds.COUNT, 1000, 1000, 1000),
    (kinds.RATIO, "20%", 0.2, 0.2),
    (kinds.RATIO, "12.5 %", 0.125, 0.125),
    (kinds.RATIO, 1, 1.0, 1.0),
    (kinds.RATE, 0, 0.0, 0.0),
    (kinds.METHODS, ["post", "PATCH", "POST"], ("POST", "PATCH"), ("POST", "PATCH")),
    (
        kinds.DOMAINS,
        ["Mesh", "internal.example.com"],
        ("mesh", "internal.example.com"),
        ("mesh", "internal.example.com"),
    ),
    (kinds.DOMAINS, [], (), ()),
    (
        kinds.ENDPOINTS,
        ["a:1", "https://b"],
        (Endpoint("a", 1), Endpoint("b", 443, "https")),
        ("http://a:1", "https://b:443"),
    ),
    (kinds.ENDPOINTS, "a:1, [::1]:2", (Endpoint("a", 1), Endpoint("::1", 2)), ("http://a:1", "http://[::1]:2")),
    (
        kinds.ENDPOINTS,
        [{"host": "a", "port": 1, "weight": 2}],
        (Endpoint("a", 1, weight=2.0),),
        ({"host": "a", "port": 1, "weight": 2.0},),
    ),
]


@pytest.mark.parametrize(("kind", "given", "value", "written"), TAKEN)
def test_a_value_is_read_and_written_back(kind: Kind, given: object, value: object, written: object) -> None:
    assert kind.read(given) == value
    assert kind.write(value) == written
    assert kind.read(kind.write(value)) == value


def test_an_endpoint_object_is_written_with_all_that_it_carries() -> None:
    endpoint = Endpoint("A", 443, "https", "i-1", 2.0, 1, "eu", ("x",), {"k": "v"}, Health.PASSING)
    written = {
        "host": "A",
        "port": 443,
        "scheme": "https",
        "id": "i-1",
        "weight": 2.0,
        "priority": 1,
        "zone": "eu",
        "tags": ("x",),
        "metadata": {"k": "v"},
        "health": "passing",
    }
    assert kinds.ENDPOINTS.read([endpoint]) == (endpoint,)
    assert kinds.ENDPOINTS.write((endpoint,)) == (written,)
    assert kinds.ENDPOINTS.read([written]) == (endpoint,)


DURATIONS = "write seconds (0.25) or text like '250ms', '2s', '5m'"
REFUSED = [
    (kinds.TEXT, 5, "5 is not text: write it in quotes"),
    (kinds.MODE, "lazy", "'lazy' is unknown: write background or on-demand"),
    (
        kinds.BALANCER,
        "round-robin",
        "'round-robin' is not a balancer's name: write one such as p2c, round_robin or least_request",
    ),
    (kinds.BALANCER, True, "true is not a balancer's name: write one such as p2c, round_robin or least_request"),
    (kinds.BOUND, "soon", f"'soon' is not a duration: {DURATIONS}"),
    (kinds.BOUND, True, f"true is not a duration: {DURATIONS}"),
    (kinds.BOUND, [1], f"[1] is not a duration: {DURATIONS}"),
    (kinds.BOUND, -1, "-1 is not a duration: it must be finite and not negative"),
    (kinds.BOUND, float("nan"), "nan is not a duration: it must be finite and not negative"),
    (kinds.BOUND, 0, "0 leaves no time at all: write a duration above zero"),
    (kinds.BOUND, "25h", "'25h' is longer than a day: write 24h or less"),
    (kinds.BOUND, 86400.5, "86400.5 is longer than a day: write 24h or less"),
    (kinds.OPTIONAL_BOUND, 0, "0 leaves no time at all: write a duration above zero, or false for no bound"),
    (kinds.OPTIONAL_BOUND, True, f"true is not a duration: {DURATIONS}, or false for no bound"),
    (kinds.BACKOFF, "1s", "'1s' is not a range of durations: write text like '25ms..1s'"),
    (kinds.BACKOFF, 1, "1 is not a range of durations: write text like '25ms..1s'"),
    (kinds.BACKOFF, "2s..1s", "first 2s is longer than limit 1s: lower first or raise limit"),
    (kinds.BACKOFF, "..1s", f"'' is not a duration: {DURATIONS}"),
    (kinds.ATTEMPTS, 0, "0 is out of place: write a whole number from 1 to 10"),
    (kinds.ATTEMPTS, 11, "11 is out of place: write a whole number from 1 to 10"),
    (kinds.ATTEMPTS, "3", "'3' is out of place: write a whole number from 1 to 10"),
    (kinds.ATTEMPTS, 3.0, "3.0 is out of place: write a whole number from 1 to 10"),
    (kinds.ATTEMPTS, True, "true is out of place: write a whole number from 1 to 10"),
    (kinds.COUNT, 0, "0 is out of place: write a whole number of at least 1"),
    (kinds.RATIO, 1.5, "1.5 is out of place: write a number from 0 to 1, or text like '20%'"),
    (kinds.RATIO, "120%", "'120%' is out of place: write a number from 0 to 1, or text like '20%'"),
    (kinds.RATIO, float("nan"), "nan is out of place: write a number from 0 to 1, or text like '20%'"),
    (kinds.RATIO, False, "false is out of place: write a number from 0 to 1, or text like '20%'"),
    (kinds.RATE, "20%", "'20%' is out of place: write a number per second from 0 to 1000000"),
    (kinds.RATE, 1000000.5, "1000000.5 is out of place: write a number per second from 0 to 1000000"),
    (kinds.RATE, 1e300, "1e+300 is out of place: write a number per second from 0 to 1000000"),
    (kinds.METHODS, "POST", "'POST' is not a list: write methods such as ['POST']"),
    (kinds.METHODS, ["PO ST"], "'PO ST' does not belong in this list: write methods such as ['POST']"),
    (kinds.DOMAINS, "mesh", "'mesh' is not a list: write domains such as ['mesh', 'internal.example.com']"),
    (
        kinds.DOMAINS,
        [".mesh"],
        "'.mesh' does not belong in this list: write domains such as ['mesh', 'internal.example.com']",
    ),
    (kinds.DOMAINS, [5], "5 does not belong in this list: write domains such as ['mesh', 'internal.example.com']"),
    (kinds.ENDPOINTS, 5, "5 is not a list: write ['http://10.0.0.1:8080']"),
    (
        kinds.ENDPOINTS,
        ["a:1", "a:1/x"],
        "[1]: 'a:1/x' is not an endpoint: write [scheme://]host[:port] and nothing else",
    ),
    (
        kinds.ENDPOINTS,
        ["a:1", "http://a:1"],
        "http://a:1 stands there twice: an instance is listed once, with a weight if need be",
    ),
]


@pytest.mark.parametrize(("kind", "given", "reason"), REFUSED)
def test_a_refusal_says_why_and_what_to_write(kind: Kind, given: object, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}$"):
        kind.read(given)


def test_a_number_too_long_to_be_printed_is_refused_in_words() -> None:
    with pytest.raises(ConfigError, match=r"^this number is longer than a day: write 24h or less$"):
        kinds.BOUND.read(10**5000)


@pytest.mark.parametrize("port", [0, 99999])
def test_a_port_out_of_range_is_named_with_its_index(port: int) -> None:
    with pytest.raises(ConfigError, match=rf"^\[0\]: .*{'0' if port == 0 else 'range'}"):
        kinds.ENDPOINTS.read([f"http://a:{port}"])


@pytest.mark.parametrize(
    ("kind", "text", "given"),
    [
        (kinds.TEXT, "true", "true"),
        (kinds.BALANCER, "5", "5"),
        (kinds.BOUND, "2", 2),
        (kinds.BOUND, "250ms", "250ms"),
        (kinds.BOUND, '"250ms"', "250ms"),
        (kinds.BOUND, "2\nx = 1", "2\nx = 1"),
        (kinds.OPTIONAL_BOUND, "False", False),
        (kinds.OPTIONAL_BOUND, "off", False),
        (kinds.ATTEMPTS, "3", 3),
        (kinds.RATIO, "0.1", 0.1),
        (kinds.RATIO, "20%", "20%"),
        (kinds.BACKOFF, "25ms..1s", "25ms..1s"),
        (kinds.METHODS, "POST, PATCH", ["POST", "PATCH"]),
        (kinds.METHODS, '["POST"]', ["POST"]),
        (kinds.DOMAINS, "mesh,,internal", ["mesh", "internal"]),
        (kinds.ENDPOINTS, "[::1]:8080,a:1", ["[::1]:8080", "a:1"]),
        (kinds.ENDPOINTS, '[{host = "a", port = 1}]', [{"host": "a", "port": 1}]),
    ],
)
def test_text_of_a_variable_is_understood_by_its_kind(kind: Kind, text: str, given: object) -> None:
    assert kind.spelled(text) == given


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("on", True),
        ("Yes", True),
        ("TRUE", True),
        ("off", False),
        ("no", False),
        ("False", False),
        ("x", "x"),
        ("5", 5),
    ],
)
def test_a_switch_has_the_words_that_people_use(word: str, value: object) -> None:
    assert kinds.switch_or_value(word) == value


@pytest.mark.parametrize(
    "value",
    [
        "http://user:hunter2@host:80",
        ["http://user:hunter2@host:80"],
        ["http://user:hunter2", "x@host:80"],
        [["http://user:hunter2@host:80"]],
        {"host": "user:hunter2@host"},
    ],
)
def test_no_password_is_shown_of_an_endpoint(value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        kinds.ENDPOINTS.read(value)
    assert "hunter2" not in str(caught.value)
    assert "...@host" in str(caught.value)


def test_shortening_does_not_hide_where_a_password_ends() -> None:
    assert kinds.shown(f"http://user:hunter2@host{'.example' * 9}").startswith("'...@host")


def test_many_endpoints_are_compared_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = 0

    class Key:
        def __init__(self, host: str) -> None:
            self.host = host

        def __hash__(self) -> int:
            return hash(self.host)

        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return isinstance(other, Key) and self.host == other.host

    endpoints = [Endpoint(f"h{number}", 80) for number in range(200)]
    monkeypatch.setattr(Endpoint, "key", property(lambda self: Key(self.host)))
    assert kinds.ENDPOINTS.read(endpoints) == tuple(endpoints)
    assert compared < 200
