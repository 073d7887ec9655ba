"""What calls get through a cache, in both colours, from a real server: hits, validation, variants, invalidation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from unit.http.cached import Site, answer, kept, numbered
from unit.http.face import Face, face_fixture  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from unit.http.rawserver import Request

FRESH = "Cache-Control: max-age=60"


def cache_of(response: object) -> str | None:
    mark: str | None = response.extensions["mesh"].cache  # type: ignore[attr-defined]
    return mark


def test_a_fresh_response_is_served_again(face: Face) -> None:
    with Site(numbered(FRESH, "X-Colour: red")) as site:
        client = kept(face, site.url)
        first, second = client.get("/a?b=1"), client.get("/a?b=1")
        assert (first.text, second.text) == ("1", "1")
        assert (cache_of(first), cache_of(second)) == (None, "hit")
        assert "age" not in first.headers
        assert (second.headers["age"], second.headers["x-colour"]) == ("0", "red")
        client.wall.ahead += 30
        assert client.get("/a?b=1").headers["age"] in {"30", "31"}
        assert client.get("/a?b=2").text == "2"
        assert len(site.asked) == 2
        assert client.counts == {"hit": 2, "miss": 2}
        assert [set(each.request.extensions) for each in (first, second)] == [{"timeout"}, {"timeout"}]
        # The first was sent to an endpoint, the others to none.
        assert first.extensions["mesh"].endpoint is not None
        assert second.extensions["mesh"].endpoint is None


def test_a_stale_response_is_fetched_again(face: Face) -> None:
    with Site(numbered(FRESH)) as site:
        client = kept(face, site.url)
        client.get()
        client.wall.ahead += 61
        assert client.get().text == "2"
        assert client.get().text == "2"
        assert client.counts == {"hit": 1, "miss": 2}


def confirming(request: Request, number: int) -> bytes:
    if request.header("if-none-match") == '"v1"':
        return answer('ETag: "v1"', FRESH, f"X-Number: {number}", status="304 Not Modified", length=False)
    return answer('ETag: "v1"', FRESH, f"X-Number: {number}", body="content")


def test_a_stale_response_that_still_holds_is_freshened(face: Face) -> None:
    with Site(confirming) as site:
        client = kept(face, site.url)
        client.get()
        client.wall.ahead += 61
        again = client.get()
        assert (again.status_code, again.text, cache_of(again)) == (200, "content", "revalidated")
        assert again.headers["x-number"] == "2"
        assert again.extensions["mesh"].endpoint is not None
        assert cache_of(client.get()) == "hit"
        assert client.get().headers["x-number"] == "2"
        assert len(site.asked) == 2
        assert client.counts == {"hit": 2, "miss": 1, "revalidated": 1}


def by_language(request: Request, number: int) -> bytes:
    language = request.header("accept-language") or "none"
    return answer(FRESH, "Vary: Accept-Language", body=f"{language} {number}")


def test_variants_are_kept_apart(face: Face) -> None:
    with Site(by_language) as site:
        client = kept(face, site.url)
        said = [client.get(accept_language=name).text for name in ("de", "fr", "de", "fr")]
        assert said == ["de 1", "fr 2", "de 1", "fr 2"]
        assert client.get(accept_language="it").text == "it 3"
        assert len(site.asked) == 3


def test_users_of_a_private_cache_are_kept_apart(face: Face) -> None:
    with Site(numbered(FRESH)) as site:
        client = kept(face, site.url)
        said = [client.get(authorization=f"Bearer {user}").text for user in "abab"]
        assert said == ["1", "2", "1", "2"]


def test_a_shared_cache_keeps_nothing_that_is_one_users(face: Face) -> None:
    with Site(numbered(FRESH)) as site:
        client = kept(face, site.url, shared=True)
        assert [client.get(authorization="Bearer a").text for _ in range(2)] == ["1", "2"]


@pytest.mark.parametrize(
    "line", ["Cache-Control: no-store", "Cache-Control: max-age=60\r\nVary: *", "Cache-Control: max-age=60, no-store"]
)
def test_what_may_not_be_kept_is_not(face: Face, line: str) -> None:
    with Site(numbered(line)) as site:
        client = kept(face, site.url)
        assert [client.get().text for _ in range(3)] == ["1", "2", "3"]
        assert len(site.asked) == 3
        assert client.counts == {"miss": 3}


def located(request: Request, number: int) -> bytes:
    return answer(FRESH, *(["Location: /b"] if request.method != "GET" else []), body=str(number))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_a_change_makes_what_was_kept_invalid(face: Face, method: str) -> None:
    with Site(located) as site:
        client = kept(face, site.url)
        for path in ("/a", "/b", "/c"):
            client.get(path)
        client.send(method, "/a")
        assert [client.get(path).text for path in ("/a", "/b", "/c")] == ["5", "6", "3"]
        assert client.counts == {"miss": 5, "hit": 1, "bypass": 1}


def test_a_change_that_failed_makes_nothing_invalid(face: Face) -> None:
    def say(request: Request, number: int) -> bytes:
        status = "200 OK" if request.method == "GET" else "409 Conflict"
        return answer(FRESH, body=str(number), status=status)

    with Site(say) as site:
        client = kept(face, site.url)
        client.get()
        client.send("POST")
        assert client.get().text == "1"


def test_the_answer_to_head_comes_out_of_what_get_brought(face: Face) -> None:
    with Site(numbered(FRESH)) as site:
        client = kept(face, site.url)
        client.get()
        head = client.send("HEAD")
        assert (head.status_code, head.content, cache_of(head)) == (200, b"", "hit")
        assert head.headers["content-length"] == "1"
        assert len(site.asked) == 1


def test_parts_come_out_of_the_whole(face: Face) -> None:
    with Site(lambda *_: answer(FRESH, body="0123456789")) as site:
        client = kept(face, site.url)
        client.get()
        part = client.get(range="bytes=2-4")
        assert (part.status_code, part.text, part.headers["content-range"]) == (206, "234", "bytes 2-4/10")
        assert client.get(range="bytes=-3").text == "789"
        beyond = client.get(range="bytes=20-")
        assert (beyond.status_code, beyond.content) == (416, b"")
        assert len(site.asked) == 1


def test_a_part_is_not_kept(face: Face) -> None:
    def say(request: Request, number: int) -> bytes:
        if request.header("range"):
            return answer(FRESH, "Content-Range: bytes 0-0/10", body="0", status="206 Partial Content")
        return answer(FRESH, body="0123456789")

    with Site(say) as site:
        client = kept(face, site.url)
        assert client.get(range="bytes=0-0").status_code == 206
        assert client.get().text == "0123456789"
        assert len(site.asked) == 2


def test_a_caller_that_has_it_is_told_so(face: Face) -> None:
    with Site(confirming) as site:
        client = kept(face, site.url)
        client.get()
        told = client.get(if_none_match='"v1"')
        assert (told.status_code, told.content) == (304, b"")
        assert len(site.asked) == 1


def test_only_what_is_kept(face: Face) -> None:
    with Site(numbered(FRESH)) as site:
        client = kept(face, site.url)
        for wish in ("only-if-cached", "only-if-cached, no-store"):
            assert client.get(cache_control=wish).status_code == 504
        assert not site.asked
        client.get()
        assert client.get(cache_control="only-if-cached").text == "1"


@pytest.mark.parametrize("wish", ["no-cache", "max-age=0"])
def test_a_caller_that_wants_it_new_gets_it_new(face: Face, wish: str) -> None:
    with Site(numbered(FRESH)) as site:
        client = kept(face, site.url)
        client.get()
        assert client.get(cache_control=wish).text == "2"
        assert client.get().text == "2"


def test_a_caller_that_wants_nothing_kept(face: Face) -> None:
    with Site(numbered(FRESH)) as site:
        client = kept(face, site.url)
        assert client.get(cache_control="no-store").text == "1"
        assert client.get().text == "2"
        assert client.counts == {"bypass": 1, "miss": 1}


def test_services_that_say_nothing_have_the_configured_time(face: Face) -> None:
    with Site(numbered()) as site:
        client = kept(face, site.url, ttl=5.0)
        assert [client.get().text for _ in range(2)] == ["1", "1"]
        client.wall.ahead += 6
        assert client.get().text == "2"


def test_the_address_of_an_endpoint_is_no_part_of_the_key(face: Face) -> None:
    with Site(numbered(FRESH)) as one, Site(numbered(FRESH)) as other:
        client = kept(face, one.url, other.url)
        for _ in range(8):
            client.get()
        assert len(one.asked) + len(other.asked) == 1


def test_hosts_of_one_service_are_kept_apart(face: Face) -> None:
    with Site(lambda request, _: answer(FRESH, body=request.header("host") or "")) as site:
        client = kept(face, site.url)
        assert client.get().text == "orders"
        assert client.get(host="shop.example").text == "shop.example"
        assert client.get().text == "orders"


def test_coded_bodies_are_kept_as_they_came(face: Face) -> None:
    import gzip

    packed = gzip.compress(b"x" * 1000)
    with Site(lambda *_: answer(FRESH, "Content-Encoding: gzip", body=packed)) as site:
        client = kept(face, site.url)
        assert [client.get().content for _ in range(2)] == [b"x" * 1000] * 2
        assert len(site.asked) == 1


def test_only_routes_with_a_cache_have_one(face: Face) -> None:
    from meshclient.core.caching.policy import Policy
    from meshclient.http.caching.shelf import Rule

    own = Rule(Policy())
    with Site(numbered(FRESH)) as site:
        client = kept(face, site.url, rule=lambda path: own if path.startswith("/kept/") else None)
        assert [client.get(path).text for path in ("/kept/a", "/kept/a", "/b", "/b")] == ["1", "1", "2", "3"]


def test_what_a_change_answers_may_stand_for_its_url(face: Face) -> None:
    """RFC 9110, section 9.3.3."""
    with Site(numbered(FRESH, "Content-Location: /a")) as site:
        client = kept(face, site.url)
        assert client.get("/a").text == "1"
        assert client.send("POST", "/a").text == "2"
        assert client.get("/a").text == "2"


def test_what_is_not_kept_puts_an_end_to_what_is_older(face: Face) -> None:
    heads = ["Cache-Control: max-age=60", "Cache-Control: no-store", "Cache-Control: max-age=60"]
    with Site(lambda _, number: answer(heads[number - 1], body=str(number))) as site:
        client = kept(face, site.url)
        assert client.get().text == "1"
        assert client.get(cache_control="no-cache").text == "2"
        assert client.get().text == "3"


@pytest.mark.parametrize("wish", ["no-store", "no-cache"])
def test_an_error_and_what_nobody_wants_kept_leave_what_is_older(face: Face, wish: str) -> None:
    def say(_: Request, number: int) -> bytes:
        failed = number > 1 and wish == "no-cache"
        return answer(*([] if failed else [FRESH]), body=str(number), status="503 No" if failed else "200 OK")

    with Site(say) as site:
        client = kept(face, site.url, service={"retry": False})
        assert client.get().text == "1"
        assert client.get(cache_control=wish).text == "2"
        assert client.get().text == "1"
