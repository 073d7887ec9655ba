"""The words of ``meshclient call``, read."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

from meshclient.cli.request import parse_request


@pytest.mark.parametrize(
    ("words", "method", "url"),
    [
        (("orders",), "GET", "mesh://orders"),
        (("orders/v1?x=1",), "GET", "mesh://orders/v1?x=1"),
        (("http://orders/",), "GET", "http://orders/"),
        (("delete", "orders/1"), "DELETE", "mesh://orders/1"),
        (("PURGE", "orders/1"), "PURGE", "mesh://orders/1"),
        (("GET",), "GET", "mesh://GET"),
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
