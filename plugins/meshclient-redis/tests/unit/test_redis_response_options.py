"""What the URI of a store of responses says, and when Redis is left alone."""

from __future__ import annotations

import logging

import pytest

from meshclient.discovery.resolver import ResolverUri
from meshclient.errors import ConfigError
from meshclient_redis.options import ResponseOptions
from meshclient_redis.standing import FIRST_PAUSE, PAUSE_LIMIT, Standing


def parse(text: str, **environ: str) -> ResponseOptions:
    return ResponseOptions.parse(ResolverUri.parse(text), environ)


def test_defaults() -> None:
    options = parse("redis://")
    assert (options.server.host, options.server.port, options.server.prefix) == ("127.0.0.1", 6379, "meshclient")
    assert (options.timeout, options.ttl, options.max_value, options.connections) == (0.1, 86400.0, 2**20, 16)


def test_everything() -> None:
    options = parse("rediss://u:p@cache:6380/2?prefix=shop&timeout=20ms&ttl=1h&max_value=1000&connections=4")
    assert (options.server.host, options.server.database, options.server.tls) == ("cache", 2, True)
    assert (options.timeout, options.ttl, options.max_value, options.connections) == (0.02, 3600.0, 1000, 4)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("redis://h?timeout=0", "timeout=0"),
        ("redis://h?max_value=0", "whole number from 1"),
        ("redis://h?max_value=1.5", "whole number from 1"),
        ("redis://h?connections=9999", "whole number from 1 to 1024"),
        ("redis://h?intervall=1s", "has no option 'intervall'"),
    ],
)
def test_what_is_wrong_is_named(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert words in str(caught.value)


def test_a_redis_that_fails_is_left_alone_for_longer_each_time(caplog: pytest.LogCaptureFixture) -> None:
    now = 100.0
    standing = Standing("redis://h", lambda: now)
    caplog.set_level(logging.INFO, "meshclient")
    assert standing.asks(0.1)
    pause = FIRST_PAUSE
    for _ in range(8):
        standing.failed("it is away")
        assert standing.trouble == "it is away"
        assert not standing.asks(0.1)
        now += pause
        # One finds out; the others do not wait for it.
        assert standing.asks(0.1)
        assert not standing.asks(0.1)
        pause = min(PAUSE_LIMIT, 2 * pause)
    assert standing.faults == 24
    standing.answered()
    assert standing.asks(0.1)
    assert standing.asks(0.1)
    assert standing.trouble == ""
    # Said once each.
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    standing.failed("again")
    now += FIRST_PAUSE
    assert standing.asks(0.1)
