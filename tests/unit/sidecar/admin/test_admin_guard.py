"""Who may ask."""

from __future__ import annotations

import pytest

from meshclient.errors import ConfigError
from meshclient.sidecar.admin.guard import Guard
from meshclient.sidecar.admin.reply import Refused
from meshclient.sidecar.admin.request import Request

TOKEN = "0123456789abcdef"
LOOPBACK = ("localhost", "LOCALHOST:7190", "localhost.", "127.0.0.1", "127.0.0.1:7190", "[::1]", "[::1]:7190")


def asked(method: str = "GET", **headers: str) -> Request:
    pairs = [(name.replace("_", "-"), value) for name, value in {"host": "localhost", **headers}.items() if value]
    return Request(method, "/", headers=tuple(pairs))


def refusal(guard: Guard, request: Request, *, local: bool = False, public: bool = False, page: bool = False) -> str:
    """The word of the refusal, or nothing."""
    try:
        guard.check(request, local=local, public=public, page=page)
    except Refused as refused:
        return refused.error
    return ""


@pytest.mark.parametrize("host", [*LOOPBACK, "10.1.2.3:7190", "mesh.example:80", "Mesh.Example"])
def test_our_own_names_and_any_address_are_hosts(host: str) -> None:
    assert not refusal(Guard(None, ["mesh.example"]), asked(host=host))


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "mesh.example.evil", "127.0.0.1.evil.example", "1.2.3.4.5"]
)
def test_other_names_are_not(host: str) -> None:
    assert refusal(Guard(None, ["mesh.example"]), asked(host=host)) == "host_not_allowed"


@pytest.mark.parametrize(
    "host", ["", "a b", "localhost:x", "localhost:123456", "user@localhost", "localhost/x", "[::1"]
)
def test_what_is_no_host_is_no_request(host: str) -> None:
    assert refusal(Guard(None), asked(host=host)) == "bad_request"
    assert not refusal(Guard(None), asked(host=host), local=True)


def test_two_hosts_are_none() -> None:
    request = Request("GET", "/", headers=(("host", "localhost"), ("host", "localhost")))
    assert refusal(Guard(None), request) == "bad_request"
    assert refusal(Guard(None), request, local=True) == "bad_request"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_who_writes_has_our_origin_or_none(method: str) -> None:
    guard = Guard(None)
    assert not refusal(guard, asked(method))
    assert not refusal(guard, asked(method, host="localhost:7190", origin="http://localhost:7190"))
    assert not refusal(guard, asked(method, host="localhost:7190", origin="https://LOCALHOST:7190"))
    for origin in ("null", "http://localhost", "http://localhost:7191", "http://evil.example", "localhost:7190"):
        foreign = asked(method, host="localhost:7190", origin=origin)
        assert refusal(guard, foreign) == "origin_not_allowed", origin
    assert refusal(guard, asked(method, host="", origin="http://x"), local=True) == "origin_not_allowed"


def test_pages_of_other_sites_reach_the_page_and_nothing_else() -> None:
    guard = Guard(None)
    for site in ("cross-site", "same-site", "anything"):
        assert refusal(guard, asked(sec_fetch_site=site)) == "origin_not_allowed"
        assert not refusal(guard, asked(sec_fetch_site=site), page=True, public=True)
    for site in ("same-origin", "none"):
        assert not refusal(guard, asked(sec_fetch_site=site))


@pytest.mark.parametrize("shown", [f"Bearer {TOKEN}", f"bearer {TOKEN}", f"BEARER  {TOKEN} "])
def test_the_token_opens(shown: str) -> None:
    assert not refusal(Guard(TOKEN), asked(authorization=shown))


@pytest.mark.parametrize(
    "shown", ["", "Bearer", "Bearer ", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}0", f"Basic {TOKEN}", TOKEN, "Bearer é"]
)
def test_nothing_else_does(shown: str) -> None:
    assert refusal(Guard(TOKEN), asked(authorization=shown)) == "unauthorized"
    assert refusal(Guard(TOKEN), asked(authorization=shown), local=True) == "unauthorized"
    assert not refusal(Guard(TOKEN), asked(authorization=shown), public=True)


@pytest.mark.parametrize("token", ["", "short", "0123456789abcde", "0123456789 abcdef", "0123456789abcdef\n", "ü" * 20])
def test_what_can_be_guessed_or_not_be_sent_is_no_token(token: str) -> None:
    with pytest.raises(ConfigError, match="16 visible ASCII characters") as raised:
        Guard(token)
    assert not token or token not in str(raised.value)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1"])
def test_loopback_needs_no_token(address: str) -> None:
    Guard(None).check_address(address)


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "10.0.0.1", "fe80::1%eth0", "2001:db8::1"])
def test_other_addresses_do(address: str) -> None:
    Guard(TOKEN).check_address(address)
    with pytest.raises(ConfigError, match="admin_token_file"):
        Guard(None).check_address(address)
