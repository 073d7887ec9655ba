"""What a configuration may say of the responses that are kept."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from meshclient.config.cache_kinds import OPTIONAL_AGE, ROOM, STALENESS
from meshclient.config.cache_shape import CacheConfig
from meshclient.config.environment import variables
from meshclient.config.loaded import Loaded, load
from meshclient.errors import ConfigError

NOWHERE = Path("/nonexistent")


def loaded(text: str = "", *sets: str, **environ: str) -> Loaded:
    return load(environ=environ, cwd=NOWHERE, arguments=tomllib.loads(text), sets=sets)


def orders(text: str = "", *sets: str, **environ: str) -> CacheConfig | None:
    return loaded(f"[services.orders]\n{text}", *sets, **environ).config.services["orders"].cache


def test_nothing_is_kept_unless_somebody_says_so() -> None:
    config = loaded("[services.orders]\n[services.orders.routes.'/a']").config
    assert config.defaults.cache is None
    assert config.services["orders"].cache is None
    assert config.services["orders"].routes[0].cache is None
    assert str(loaded().origin("defaults.cache")) == "default"


def test_a_word_is_enough() -> None:
    assert orders("cache = 'private'") == CacheConfig(kind="private")
    assert orders("cache = 'shared'") == CacheConfig(kind="shared")
    assert orders("cache = true") == CacheConfig()
    assert orders("cache = false") is None
    for word in ("shared", '"shared"', "'shared'"):
        assert orders(MESHCLIENT_SERVICES__ORDERS__CACHE=word) == CacheConfig(kind="shared")
        assert orders("", f"services.orders.cache={word}") == CacheConfig(kind="shared")
    assert orders(MESHCLIENT_SERVICES__ORDERS__CACHE="on") == CacheConfig()
    assert loaded("[defaults]\ncache = 'shared'").config.defaults.cache == CacheConfig(kind="shared")


def test_all_that_a_table_can_say() -> None:
    table = (
        "cache = { kind = 'shared', max_bytes = '1MiB', store = 'redis://127.0.0.1:6379/0', ttl = '30s', "
        "stale_while_revalidate = 5, stale_if_error = '24h', serve_stale = '10m', coalesce = false, "
        "targeted = ['CDN-Cache-Control'], identity = ['X-User', 'x-user', 'Cookie'] }"
    )
    expected = CacheConfig(
        "shared",
        2**20,
        "redis://127.0.0.1:6379/0",
        30.0,
        5.0,
        86_400.0,
        600.0,
        False,
        ("cdn-cache-control",),
        ("x-user", "cookie"),
    )
    assert orders(table) == expected
    assert orders("cache = { serve_stale = true }") == CacheConfig(serve_stale=86_400.0)
    assert orders("cache = { serve_stale = false, ttl = false, store = false }") == CacheConfig()


def test_a_word_leaves_the_rest_to_weaker_sources() -> None:
    text = "[defaults.cache]\nmax_bytes = '1MiB'\nttl = '3s'\n[services.orders]\ncache = 'shared'"
    assert loaded(text).config.services["orders"].cache == CacheConfig("shared", 2**20, ttl=3.0)
    given = loaded("[services.orders]\ncache = { ttl = 7 }", MESHCLIENT_SERVICES__ORDERS__CACHE="shared")
    assert given.config.services["orders"].cache == CacheConfig("shared", ttl=7.0)
    assert str(given.origin("services.orders.cache.kind")) == "environment MESHCLIENT_SERVICES__ORDERS__CACHE"


def test_a_route_has_its_own_times_and_may_be_the_only_one_kept() -> None:
    text = "[services.orders]\ncache = 'shared'\n[services.orders.routes.'/a/*']\ncache = { ttl = '1h' }\n"
    service = loaded(text + "[services.orders.routes.'/b']\ncache = false").config.services["orders"]
    assert [(route.pattern, route.cache) for route in service.routes] == [
        ("/b", None),
        ("/a/*", CacheConfig("shared", ttl=3600.0)),
    ]
    alone = loaded("[services.orders.routes.'/a']\ncache = { ttl = 1 }").config.services["orders"]
    assert alone.cache is None
    assert alone.routes[0].cache == CacheConfig(ttl=1.0)


def test_what_is_shown_can_be_written_into_a_file() -> None:
    text = "[defaults]\ncache = { ttl = '1500ms', max_bytes = 1000, serve_stale = '2h', kind = 'shared' }"
    first = loaded(text)
    shown = {setting.path: setting.value for setting in first.settings if setting.path.startswith("defaults.cache.")}
    assert shown["defaults.cache.max_bytes"] == "1KB"
    again = load(environ={}, cwd=NOWHERE, sets=[f"{path}={_toml(value)}" for path, value in shown.items()])
    assert again.config.defaults.cache == first.config.defaults.cache


def _toml(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize(
    ("kind", "value"),
    [(OPTIONAL_AGE, None), (OPTIONAL_AGE, 0.25), (OPTIONAL_AGE, 31_536_000.0), (STALENESS, 0.0), (STALENESS, 86_400.0)],
)
def test_times_are_read_as_they_are_written(kind: object, value: object) -> None:
    assert kind in (OPTIONAL_AGE, STALENESS)
    found = OPTIONAL_AGE if kind is OPTIONAL_AGE else STALENESS
    assert found.read(found.write(value)) == value


def test_a_size_is_read_as_it_is_written() -> None:
    assert ROOM.read(ROOM.write(2**26)) == 2**26
    assert ROOM.read(ROOM.spelled("64MiB")) == 2**26


def test_every_key_has_a_variable() -> None:
    known = variables(["orders"])
    for key in ("", "__KIND", "__MAX_BYTES", "__STORE", "__TTL", "__SERVE_STALE", "__COALESCE"):
        assert f"MESHCLIENT_DEFAULTS__CACHE{key}" in known
        assert f"MESHCLIENT_SERVICES__ORDERS__CACHE{key}" in known


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "cache = 'publc'",
            "cache.kind (argument): 'publc' is unknown: write private or shared, or false for no cache",
        ),
        ("cache = 3", "cache (argument): 3 is not a table: write a word for its 'kind', a table, or false for off"),
        ("cache = ['shared']", "is not a table"),
        ("cache = { tll = 3 }", "cache.tll (argument): unknown key. Did you mean 'ttl'?"),
        ("cache = { kind = true }", "true is unknown: write private or shared"),
        ("cache = { max_bytes = 0 }", "0 leaves no room: write a size such as '64MiB', or cache = false"),
        ("cache = { max_bytes = false }", "false leaves no room"),
        ("cache = { max_bytes = '10 megs' }", "'10 megs' is not a size"),
        ("cache = { store = 'localhost' }", "'localhost' is not the address of a store: write one such as 'redis://"),
        ("cache = { store = 7 }", "7 is not the address of a store"),
        ("cache = { ttl = 0 }", "0 is no time at all: write a duration above zero, or false"),
        ("cache = { ttl = -1 }", "-1 is not a duration: it must be finite and not negative, or false for"),
        ("cache = { ttl = true }", "true is not a duration"),
        ("cache = { ttl = 'soon' }", "'soon' is not a duration"),
        ("cache = { ttl = '9000h' }", "'9000h' is longer than a year: write 8760h or less"),
        ("cache = { stale_if_error = [] }", "[] is not a duration"),
        ("cache = { serve_stale = 'yes' }", "'yes' is not a duration"),
        ("cache = { serve_stale = -1 }", "not negative, true for a day, or false for not at all"),
        ("cache = { coalesce = 1 }", "1 is not a switch"),
        ("cache = { targeted = 1 }", "1 is not a list"),
        ("cache = { targeted = ['a b'] }", "'a b' is no name of a header field"),
    ],
)
def test_what_makes_no_sense_is_refused(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as raised:
        orders(text)
    assert words in str(raised.value)
    assert str(raised.value).startswith("services.orders.cache")


def test_a_number_of_thousands_of_digits_is_refused() -> None:
    with pytest.raises(ConfigError, match="longer than a year"):
        load(environ={}, cwd=NOWHERE, arguments={"defaults": {"cache": {"ttl": 10**5000}}})


def test_the_password_of_a_store_is_not_shown() -> None:
    with pytest.raises(ConfigError, match="is not the address") as raised:
        orders("cache = { store = 'redis:/me:SECRET@127.0.0.1' }")
    assert "SECRET" not in str(raised.value)
    config = loaded("[defaults]\ncache = { store = 'redis://me:SECRET@127.0.0.1' }").config
    assert config.defaults.cache is not None
    assert config.defaults.cache.store == "redis://me:SECRET@127.0.0.1"
    assert "SECRET" not in repr(config)
