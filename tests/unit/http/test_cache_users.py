"""What was brought for one caller goes to no other whom the service may tell apart."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from meshclient.config.loaded import load
from meshclient.http.caching.shelf import Shelf
from unit.http.cached import Site, answer, kept, numbered
from unit.http.face import Face, face_fixture  # noqa: F401 - a fixture
from unit.http.gate import Gate, gates_fixture, together  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from pathlib import Path

    from unit.http.rawserver import Request

FRESH = "Cache-Control: max-age=60"


class Users(httpx.Auth):
    """Each call is another user's, by a header of the service's own making."""

    def __init__(self, name: str) -> None:
        self.name, self.numbers = name, count()

    def auth_flow(self, request: httpx.Request) -> Any:
        request.headers[self.name] = str(next(self.numbers))
        yield request


@pytest.mark.parametrize("name", ["x-user-id", "x-tenant", "proxy-authorization", "user-agent"])
def test_callers_that_differ_in_any_field_do_not_share(face: Face, gates: list[Gate], name: str) -> None:
    gate = Gate(lambda number: answer(body=str(number)))
    gates.append(gate)
    client = kept(face, gate.server.url)
    responses = together(client, 4, gate, auth=Users(name))
    assert len({response.text for response in responses}) == 4


@pytest.mark.parametrize("name", ["traceparent", "x-request-id", "x-b3-spanid"])
def test_what_each_call_has_of_its_own_tells_nobody_apart(face: Face, gates: list[Gate], name: str) -> None:
    gate = Gate(lambda number: answer(body=str(number)))
    gates.append(gate)
    client = kept(face, gate.server.url)
    responses = together(client, 4, gate, auth=Users(name))
    assert {response.text for response in responses} == {"1"}


@pytest.mark.parametrize("shared", [False, True])
def test_a_cookie_that_is_set_goes_to_one(face: Face, gates: list[Gate], shared: bool) -> None:
    gate = Gate(lambda number: answer(f"Set-Cookie: sid={number}"))
    gates.append(gate)
    client = kept(face, gate.server.url, shared=shared)
    responses = together(client, 4, gate)
    assert len({response.headers["set-cookie"] for response in responses}) == 4


def test_private_comes_before_public(face: Face) -> None:
    with Site(numbered("Cache-Control: private, public, max-age=60")) as site:
        client = kept(face, site.url)
        assert [client.get(cookie=f"sid={user}").text for user in "abab"] == ["1", "2", "1", "2"]


def test_users_are_not_few(face: Face) -> None:
    with Site(numbered("Cache-Control: private, max-age=60")) as site:
        client = kept(face, site.url)
        for _ in range(2):
            assert [client.get(authorization=f"Bearer {user}").text for user in range(100)] == [
                str(number) for number in range(1, 101)
            ]
        assert client.counts == {"miss": 100, "hit": 100}
        client.send("POST")
        assert client.get(authorization="Bearer 1").text == "102"


@pytest.mark.parametrize("name", ["authorization", "cookie", "proxy_authorization", "x_api_key"])
def test_who_asks_is_told_by(face: Face, name: str) -> None:
    with Site(numbered("Cache-Control: private, max-age=60")) as site:
        client = kept(face, site.url)
        assert [client.get(**{name: user}).text for user in "abab"] == ["1", "2", "1", "2"]
        [entry] = client.shelf.store.get(_key(), {name.replace("_", "-"): "a"}).entries  # type: ignore[union-attr]
        assert not any(value == "a" for _, value in entry.stored.variant)


def _key() -> str:
    return "orders http://orders\n/"


@pytest.mark.parametrize("name", ["cookie", "x_api_key"])
def test_a_shared_cache_gives_no_time_of_its_own_to_what_may_be_one_users(face: Face, name: str) -> None:
    with Site(numbered()) as site:
        client = kept(face, site.url, shared=True, ttl=30.0)
        assert [client.get(**{name: user}).text for user in "aab"] == ["1", "2", "3"]
        assert [client.get().text for _ in range(2)] == ["4", "4"]
    with Site(numbered(FRESH)) as site:
        client = kept(face, site.url, shared=True)
        assert [client.get(**{name: user}).text for user in "aab"] == ["1", "1", "1"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_question_with_a_body_is_neither_answered_nor_kept(face: Face, method: str) -> None:
    with Site(lambda _, number: answer(FRESH, f"X-Number: {number}")) as site:
        client = kept(face, site.url)
        numbers = [client.send(method, content=content).headers["x-number"] for content in (b"1", b"2")]
        assert numbers == ["1", "2"]
        assert client.send(method).headers["x-number"] == "3"
        assert client.counts == {"bypass": 2, "miss": 1}


def test_a_host_with_a_slash_fills_no_others_place(face: Face) -> None:
    with Site(lambda request, _: answer(FRESH, body=f"{request.header('host')} {request.target}")) as site:
        client = kept(face, site.url)
        assert client.get("/y", host="orders/x").text == "orders/x /y"
        assert client.get("/x/y", host="orders").text == "orders /x/y"


def _by_version(request: Request, number: int) -> bytes:
    return answer(FRESH, body=str(number))


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize(
    ("rule", "field"),
    [("headers = { X-Canary = 'yes' }", {"x_canary": "yes"}), ("cookies = { beta = '*' }", {"cookie": "beta=1"})],
)
def test_what_one_version_answered_goes_to_nobody_sent_to_another(
    face: Face, tmp_path: Path, shared: bool, rule: str, field: dict[str, str]
) -> None:
    text = f"""
[services.orders]
cache = '{"shared" if shared else "private"}'
traffic = {{ variants.v2 = {{ tags = ['v2'] }}, routes = [{{ {rule}, to = 'v2' }}] }}
"""
    path = tmp_path / "mesh.toml"
    path.write_text(text)
    config = load(environ={}, cwd=tmp_path, path=path).config.services["orders"]
    with Site(_by_version) as site:
        shelf = Shelf.configured("orders", config)
        client = kept(face, site.url, shelf=shelf)
        assert [client.get().text, client.get(**field).text] == ["1", "2"]
        assert [client.get().text, client.get(**field).text] == ["1", "2"]
