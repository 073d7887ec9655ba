"""Endpoints: what is accepted, what is refused and in which words, and what makes two of them the same."""

import contextlib
import copy
import math
import pickle
import re
from collections.abc import Callable, MutableMapping
from dataclasses import FrozenInstanceError, replace
from typing import cast

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshclient.model.endpoint import MAX_WEIGHT, Endpoint, Health

# Read from JSON or TOML, an integer may be too large for a float.
HUGE = pytest.param(10**400, id="huge")


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("10.0.0.1:8080", "http://10.0.0.1:8080"),
        ("http://10.0.0.1", "http://10.0.0.1:80"),
        ("https://10.0.0.1", "https://10.0.0.1:443"),
        ("HTTPS://Example.COM:8443/", "https://example.com:8443"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("https://[2001:db8::7]", "https://[2001:db8::7]:443"),
        ("my_host.local:1", "http://my_host.local:1"),
        (" web-1:65535 ", "http://web-1:65535"),
        ("unix:/run/orders.sock", "unix:/run/orders.sock"),
        (" UNIX:///run/a b@c.sock", "unix:/run/a b@c.sock"),
    ],
)
def test_parse_reads_addresses_as_people_write_them(text: str, url: str) -> None:
    endpoint = Endpoint.parse(text, sockets=True)
    assert endpoint.url == str(endpoint) == url


def test_parse_takes_the_given_scheme_where_the_text_names_none() -> None:
    assert Endpoint.parse("a", scheme="https").url == "https://a:443"
    assert Endpoint.parse("http://a", scheme="https").url == "http://a:80"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("unix:run/a.sock", "'unix:run/a.sock' is not an endpoint: write unix: and the whole path of a Unix socket"),
        ("unix:", "'unix:' is not an endpoint: write unix: and the whole path"),
        ("unix:/", "'/' is no path of a Unix socket: those have 1 to 107 printable bytes, and name a file"),
        ("unix:/a/", "'/a/' is no path of a Unix socket"),
        ("unix:/a\0b", "is no path of a Unix socket"),
        ("unix:/a\r\nx-forged: b", "is no path of a Unix socket"),
        ("unix:/" + "\xe4" * 54, "is no path of a Unix socket"),
        ("host:0", "port 0 of host 'host' is out of range: use 1 to 65535"),
        ("host:99999", "'host:99999' is not an endpoint: Port out of range"),
        ("host:-1", "'host:-1' is not an endpoint"),
        ("host:abc", "'host:abc' is not an endpoint"),
        ("", "'' is not an endpoint: it names no host"),
        (":80", "':80' is not an endpoint: it names no host"),
        ("http://host/path", "write [scheme://]host[:port] and nothing else"),
        ("host?x=1", "write [scheme://]host[:port] and nothing else"),
        ("host#x", "write [scheme://]host[:port] and nothing else"),
        ("http://user:secret@host", "write [scheme://]host[:port] and nothing else"),
        ("ftp://host", "scheme 'ftp' of host:0 is not supported: use http or https"),
        ("::1", "'::1' is not an endpoint"),
        ("fe80::1:8080", "'fe80::1:8080' is not an endpoint"),
        ("[::1", "'[::1' is not an endpoint"),
        ("[nonsense]:80", "'[nonsense]:80' is not an endpoint"),
        ("a b:80", "host 'a b' is not a host name or IP address"),
    ],
)
def test_parse_names_what_it_refuses(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        Endpoint.parse(text, sockets=True)


@pytest.mark.parametrize("port", [0, -1, 65536, 99999, True, 80.0, "80", None])
def test_a_port_is_a_whole_number_in_range(port: object) -> None:
    with pytest.raises(ValueError, match=r"port .* of host 'a' is out of range: use 1 to 65535"):
        Endpoint("a", cast("int", port))


@pytest.mark.parametrize("weight", [0, -1, -0.0, math.nan, math.inf, -math.inf, MAX_WEIGHT * 1.001, HUGE])
def test_a_weight_is_positive_and_bounded(weight: float) -> None:
    with pytest.raises(ValueError, match=r"weight .* of a:1 must be above 0 and at most 1e\+06"):
        Endpoint("a", 1, weight=weight)


@pytest.mark.parametrize("weight", [1e-300, 0.5, 1, MAX_WEIGHT])
def test_weights_within_bounds_are_kept(weight: float) -> None:
    assert Endpoint("a", 1, weight=weight).weight == weight


def test_a_priority_is_not_negative() -> None:
    with pytest.raises(ValueError, match="priority -1 of a:1 must not be negative"):
        Endpoint("a", 1, priority=-1)


@pytest.mark.parametrize(
    "host",
    [
        "",
        ".",
        "-a",
        "a b",
        "a/b",
        "a\n",
        "a\r\nX: y",
        "[::1]",
        ":::",
        "1:2",
        "a@b",
        "a" * 300,
        "fe80::1%x\r\ny",
        "fe80::1%a?b",
        # Where httpx or the socket would raise an error of its own.
        "999.999.999.999",
        "1.2.3",
        "1.2.3.4.5",
        "01.2.3.4",
        "1.2.3.4.",
        "a..b",
        f"{'a' * 64}.example",
        "xn--zzzzzzzz99999",
        "a.xn--",
        "xn--abc-",
        "xn--ls8h",  # a picture and no letter
        "xn--9jb109b",  # Hebrew or Arabic amid other letters
        "xn--mnchen-3ya.under_score",
    ],
)
def test_a_host_is_a_name_or_an_address(host: str) -> None:
    with pytest.raises(ValueError, match=r"host .* is "):
        Endpoint(host, 80)


@pytest.mark.parametrize(
    ("host", "authority"),
    [
        ("::1", "[::1]:80"),
        ("2001:db8::7", "[2001:db8::7]:80"),
        ("::ffff:10.0.0.1", "[::ffff:10.0.0.1]:80"),
        ("fe80::1%eth0", "[fe80::1%eth0]:80"),
        ("10.0.0.1", "10.0.0.1:80"),
        ("Web_1", "Web_1:80"),
        ("1", "1:80"),
        ("10.example", "10.example:80"),
        ("XN--mnchen-3ya.de", "XN--mnchen-3ya.de:80"),
        ("xn--strae-oqa.de", "xn--strae-oqa.de:80"),
        ("xn--wgv71a119e.xn--p1ai", "xn--wgv71a119e.xn--p1ai:80"),
        ("xn--4dbrk0ce", "xn--4dbrk0ce:80"),
        ("absolute.example.", "absolute.example.:80"),
    ],
)
def test_only_ipv6_stands_in_brackets(host: str, authority: str) -> None:
    assert Endpoint(host, 80).authority == authority


_LETTERS = st.characters(min_codepoint=0x80, exclude_categories=("Cn", "Cs", "Co"))


# Always the same examples: Python and httpx may know different versions of Unicode.
@settings(derandomize=True)
@given(
    st.text(_LETTERS | st.sampled_from("abc1-"), min_size=1, max_size=4).map(
        lambda text: "xn--" + text.encode("punycode").decode("ascii").lower()
    )
    | st.text("abcz019.-_", min_size=1, max_size=9).flatmap(lambda text: st.sampled_from([text, f"xn--{text}"]))
    | st.lists(st.integers(0, 300), min_size=1, max_size=5).map(lambda parts: ".".join(map(str, parts)))
)
def test_httpx_takes_every_host_that_is_accepted(host: str) -> None:
    with contextlib.suppress(ValueError):
        url = Endpoint(host, 80).url
        # Outside the suppression's reach: httpx's own errors are ValueErrors too.
        try:
            shown = httpx.URL(url).host
        except Exception as exc:
            raise AssertionError(url) from exc
        assert shown


@pytest.mark.parametrize(
    "text",
    [
        "http://user:hunter2@host:80",
        "user:hunter2@host:bad",
        "http://user:hunter2/x@host",
        "http://user:hunter2#x@host",
        "http://user:hunter2?x@host",
        "user:hunter2@x@host",
        "ftp://user:hunter2@host",
        "http://[user:hunter2@host",
    ],
)
def test_a_password_is_never_shown(text: str) -> None:
    with pytest.raises(ValueError, match=r"'\.\.\.@host.* a user and password have no meaning") as caught:
        Endpoint.parse(text)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("arguments", [{}, {"port": 0}, {"scheme": "ftp"}, {"weight": 0}, {"priority": -1}])
def test_a_password_in_a_host_is_not_shown_either(arguments: dict[str, object]) -> None:
    for host in ("u:hunter2@host", "hunter2@host"):
        with pytest.raises(ValueError, match=r"host '\.\.\.@host' is n") as caught:
            Endpoint(host, **({"port": 80} | arguments))  # type: ignore[arg-type]
        assert "hunter2" not in str(caught.value)


def test_metadata_is_a_read_only_copy() -> None:
    source = {"version": "1"}
    endpoint = Endpoint("a", 1, metadata=source)
    source["version"] = "2"
    assert endpoint.metadata == {"version": "1"}
    with pytest.raises(TypeError):
        cast("MutableMapping[str, str]", endpoint.metadata)["version"] = "3"
    with pytest.raises(TypeError):
        cast("MutableMapping[str, str]", Endpoint("a", 1).metadata)["x"] = "y"


COPIES: dict[str, Callable[[Endpoint], Endpoint]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{
        f"pickle{protocol}": lambda e, protocol=protocol: pickle.loads(pickle.dumps(e, protocol))  # type: ignore[misc]
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    },
}


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_a_copy_is_equal_in_every_field_and_as_read_only(copied: Callable[[Endpoint], Endpoint]) -> None:
    endpoint = Endpoint(
        "fe80::1%eth0", 1, "https", "i-1", 2.5, 3, "z", ("t", "u"), {"k": "v", "l": "w"}, Health.DRAINING
    )
    again = copied(endpoint)
    assert again is not endpoint
    assert again == endpoint
    assert hash(again) == hash(endpoint)
    assert again.health is Health.DRAINING
    with pytest.raises(TypeError):
        cast("MutableMapping[str, str]", again.metadata)["k"] = "other"


def test_an_endpoint_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Endpoint("a", 1).port = 2  # type: ignore[misc]


def test_identity_is_scheme_host_port_and_id_and_nothing_else() -> None:
    endpoint = Endpoint("a", 1)
    changed = replace(
        endpoint, weight=2, priority=1, zone="z", tags=("t",), metadata={"k": "v"}, health=Health.CRITICAL
    )
    assert changed != endpoint
    assert changed.key == endpoint.key == ("http", "a", 1, "")
    others = [replace(endpoint, scheme="https"), replace(endpoint, host="b"), replace(endpoint, port=2)]
    others.append(replace(endpoint, id="i"))
    assert len({endpoint.key, *(other.key for other in others)}) == 5


def test_endpoints_are_hashed_as_values() -> None:
    one, same = Endpoint("a", 1, metadata={"k": "v", "l": "w"}), Endpoint("a", 1, metadata={"l": "w", "k": "v"})
    assert one == same
    assert hash(one) == hash(same)
    assert Endpoint("a", 1, metadata={"k": "other"}) != one
    assert len({one, same, Endpoint("a", 1, metadata={"k": "other"})}) == 2


@pytest.mark.parametrize("health", Health)
def test_critical_and_draining_endpoints_get_no_traffic(health: Health) -> None:
    assert Endpoint("a", 1, health=health).usable is (health not in {Health.CRITICAL, Health.DRAINING})


def test_a_unix_socket_has_a_path_alone() -> None:
    endpoint = Endpoint("/run/orders.sock", 0, is_socket=True)
    assert Endpoint.parse(endpoint.url, sockets=True) == endpoint
    assert pickle.loads(pickle.dumps(endpoint)) == endpoint
    assert endpoint.key == ("http", "/run/orders.sock", 0, "")
    for wrong in ({"port": 80}, {"port": 0, "scheme": "https"}):
        with pytest.raises(ValueError, match="has neither a port nor TLS"):
            Endpoint("/run/orders.sock", is_socket=True, **wrong)


def test_nobody_gets_a_unix_socket_who_does_not_say_so() -> None:
    """What a registry elsewhere lists is a host and a port."""
    with pytest.raises(ValueError, match="is not a host name or IP address"):
        Endpoint("/var/run/docker.sock", 0)
    with pytest.raises(ValueError, match="is not"):
        Endpoint.parse("unix:/var/run/docker.sock")
