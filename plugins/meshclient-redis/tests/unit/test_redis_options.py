"""What the URI says, and what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meshclient.discovery.resolver import ResolverUri
from meshclient.errors import ConfigError
from meshclient_redis.options import RedisOptions
from meshclient_redis.password import PasswordError

if TYPE_CHECKING:
    from pathlib import Path


def parse(text: str, **environ: str) -> RedisOptions:
    return RedisOptions.parse(ResolverUri.parse(text), environ)


def test_defaults() -> None:
    options = parse("redis://")
    assert (options.server.host, options.server.port, options.server.database, options.server.prefix) == (
        "127.0.0.1",
        6379,
        0,
        "meshclient",
    )
    assert (options.interval, options.timeout, options.ttl) == (0.5, 1.0, 3600.0)
    assert not options.server.tls
    assert options.server.password.read() == options.server.username == ""
    assert options.server.source == "redis://127.0.0.1:6379"


def test_everything() -> None:
    options = parse(
        "rediss://me:p%40ss@cache.example:6380/3?prefix=shop&interval=1s&timeout=250ms&ttl=60&ca_file=/ca.pem"
    )
    assert (options.server.host, options.server.port, options.server.database) == ("cache.example", 6380, 3)
    assert (options.server.username, options.server.password.read()) == ("me", "p@ss")
    assert (options.server.prefix, options.interval, options.timeout, options.ttl) == ("shop", 1.0, 0.25, 60.0)
    assert options.server.tls
    assert options.server.ca_file == "/ca.pem"
    assert "p%40ss" not in options.server.source
    assert "p@ss" not in options.server.source


def test_an_ipv6_address() -> None:
    options = parse("redis://[::1]:6380/1")
    assert (options.server.host, options.server.port, options.server.database) == ("::1", 6380, 1)


def test_the_password_of_the_environment_is_the_last_resort(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("from the file\n", "utf-8")
    assert parse("redis://", REDISCLI_AUTH="word").server.password.read() == "word"
    assert parse("redis://:mine@host", REDISCLI_AUTH="word").server.password.read() == "mine"
    assert parse(f"redis://host?password_file={file}", REDISCLI_AUTH="word").server.password.read() == "from the file"


def test_a_file_that_is_empty_or_unreadable(tmp_path: Path) -> None:
    file = tmp_path / "password"
    source = parse(f"redis://host?password_file={file}").server.password
    with pytest.raises(PasswordError, match="No such file"):
        source.read()
    file.write_text(" \n", "utf-8")
    with pytest.raises(PasswordError, match="the file is empty"):
        source.read()
    file.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(PasswordError, match="not UTF-8"):
        source.read()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("redis://host/first", "write its number"),
        ("redis://a,b", "names several servers"),
        ("redis://host:99999", "names no Redis server"),
        ("redis://host?interval=0", "interval=0"),
        ("redis://host?timeout=soon", "timeout='soon'"),
        ("redis://host?ttl=-1", "ttl"),
        ("redis://host?prefx=a", "did you mean 'prefix'"),
        ("redis://host?prefix={a}", "without braces"),
        ("redis://host?ca_file=/ca.pem", "write rediss://"),
        ("rediss://host?key_file=/key.pem", "no certificate"),
        ("redis://:a@host?password_file=/b", "takes one password"),
    ],
)
def test_what_is_wrong_is_named(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert words in str(caught.value)


def test_no_error_shows_the_password() -> None:
    for text in (
        "redis://:s3cret@host/x",
        "redis://:s3cret@a,b",
        "redis://:s3cret@host?password=s3cret",
        "redis://u:s3cret@h?q",
    ):
        with pytest.raises(ConfigError) as caught:
            parse(text)
        assert "s3cret" not in str(caught.value)
