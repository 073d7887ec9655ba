"""The words of ``meshclient call``, read."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

from meshclient.cli.request import Written, parse_request


@pytest.mark.parametrize(
    ("words", "method", "url"),
    [
        (("orders",), "GET", "mesh://orders"),
        (("orders/v1?x=1",), "GET", "mesh://orders/v1?x=1"),
        (("http://orders/",), "GET", "http://orders/"),
        (("delete", "orders/1"), "DELETE", "mesh://orders/1"),
        (("PURGE", "orders/1"), "PURGE", "mesh://orders/1"),
        (("get",), "GET", "mesh://get"),
        (("orders/", "a=1"), "POST", "mesh://orders/"),
        (("PUT", "orders/", "a=1"), "PUT", "mesh://orders/"),
    ],
)
def test_method_and_url(words: tuple[str, ...], method: str, url: str) -> None:
    request = parse_request(words, None)
    assert (request.method, request.url) == (method, url)


def test_pairs_make_a_json_body_and_headers() -> None:
    request = parse_request(("orders/", "a=1:2", "b=x=y", "X-Time: 12:30", "X-Q:a=b"), None)
    assert request.body is not None
    assert json.loads(request.body) == {"a": "1:2", "b": "x=y"}
    assert request.headers == (("X-Time", "12:30"), ("X-Q", "a=b"), ("Content-Type", "application/json"))


def test_a_given_content_type_stands() -> None:
    assert parse_request(("orders/", "content-type:text/plain"), "[1]").headers == (("content-type", "text/plain"),)


def test_data_is_text_or_a_file(tmp_path: Path) -> None:
    path = tmp_path / "body.bin"
    path.write_bytes(b"\xff\x00")
    assert parse_request(("orders/",), "[1]").body == b"[1]"
    assert parse_request(("orders/",), "[1]").headers == (("Content-Type", "application/json"),)
    read = parse_request(("orders/",), f"@{path}")
    assert (read.method, read.body) == ("POST", b"\xff\x00")
    assert read.headers == (("Content-Type", "application/octet-stream"),)


@pytest.mark.parametrize(
    ("words", "data", "said"),
    [
        (("orders/", "what"), None, "'what' is neither key=value"),
        (("orders/", "=1"), None, "'=1' is neither key=value"),
        (("orders/", "a=1"), "{}", "both give the body"),
        (("orders/",), "@missing", "the file cannot be read"),
    ],
)
def test_a_mistake_is_named(words: tuple[str, ...], data: str | None, said: str) -> None:
    with pytest.raises(click.UsageError, match=said):
        parse_request(words, data)


def test_items_as_httpie_has_them() -> None:
    words = ("orders/?a=1#end", "n:=3", "list:=[1, null]", r"a\=b=c\=d", "q==x y", "q==z", r"user\@host=1", "T:12:30")
    request = parse_request(words)
    assert json.loads(request.body or b"") == {"n": 3, "list": [1, None], "a=b": r"c\=d", "user@host": "1"}
    assert request.url == "mesh://orders/?a=1&q=x+y&q=z#end"
    assert request.headers[0] == ("T", "12:30")


def test_the_options_of_curl_and_httpie() -> None:
    form = parse_request(("orders/", "a=1 2", "n:=3"), options=Written(form=True))
    assert (form.body, form.headers) == (b"a=1+2&n=3", (("Content-Type", "application/x-www-form-urlencoded"),))
    given = parse_request(("orders/",), options=Written("a=1", ("X-A: b:c",), form=True, method="put"))
    assert (given.method, given.body) == ("PUT", b"a=1")
    assert given.headers == (("X-A", "b:c"), ("Content-Type", "application/x-www-form-urlencoded"))
    asked = parse_request(("orders/",), options=Written("no json", as_json=True))
    assert asked.headers == (("Accept", "application/json"), ("Content-Type", "application/json"))
    assert parse_request(("orders/",), options=Written(as_json=True)).method == "GET"


def test_a_file_makes_a_multipart_form(tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"\x89PNG\x00")
    request = parse_request(("orders/", "a=1", f"photo@{tmp_path}/photo.png"))
    ((_, kind),) = request.headers
    assert kind.startswith("multipart/form-data; boundary=")
    assert request.method == "POST"
    body = request.body or b""
    assert b'name="a"\r\n\r\n1\r\n' in body
    assert b'name="photo"; filename="photo.png"\r\nContent-Type: image/png\r\n\r\n\x89PNG\x00\r\n' in body


@pytest.mark.parametrize(
    ("words", "options", "said"),
    [
        (("orders/", "n:=x"), Written(), r"n:=x: 'x' is no JSON .* a text is written n=x"),
        (("orders/", "f@missing"), Written(), r"f@missing: the file cannot be read: No such file or directory"),
        (("orders/",), Written(headers=("nothing",)), r"--header 'nothing': write 'Name: value'"),
        (("orders/", "f@missing"), Written("x"), "the file cannot be read"),
        (("orders/",), Written(form=True, as_json=True), "use one of them"),
        (("GET",), Written(), "GET what"),
        (("orders/", "X-A:ä"), Written(), "header X-A: 'ä' is not ASCII"),
        (("orders/",), Written(headers=("Ä: x",)), "header Ä: 'x' is not ASCII"),
    ],
)
def test_a_mistake_of_an_option_is_named(words: tuple[str, ...], options: Written, said: str) -> None:
    with pytest.raises(click.UsageError, match=said):
        parse_request(words, options=options)
