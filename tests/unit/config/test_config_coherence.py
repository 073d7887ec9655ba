"""Values that are right one by one and cannot work together: which, where they are told, and in what words."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import tenacity

from meshclient.config.loaded import load
from meshclient.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE = "mesh.toml"


def warnings(folder: Path, text: str = "", environ: Mapping[str, str] | None = None, **arguments: object) -> list[str]:
    (folder / FILE).write_text(text)
    return list(load(environ=environ or {}, cwd=folder, path=FILE, arguments=arguments).warnings)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[services.orders]\nconnect_timeout = '3s'\nattempt_timeout = '2s'",
            [
                (
                    "services.orders.connect_timeout 3s ~ is longer than services.orders.attempt_timeout 2s "
                    "~: a connection gets no more time than its attempt; lower connect_timeout or raise "
                    "attempt_timeout"
                )
            ],
        ),
        (
            "[services.orders.routes.'/slow']\nattempt_timeout = '30s'\ndeadline = '20s'",
            [
                (
                    'services.orders.routes."/slow".attempt_timeout 30s ~ is longer than services.orders.'
                    'routes."/slow".deadline 20s ~: an attempt ends with its call; lower attempt_timeout or '
                    "raise deadline"
                )
            ],
        ),
        (
            "[defaults.retry]\nattempts = 6\nbackoff = '2s..8s'",
            [
                (
                    "defaults.retry.attempts 6 ~ with defaults.retry.backoff 2s..8s ~ pause "
                    "for 15s on average, defaults.deadline 15s (default): the last attempts are never made; lower "
                    "either, or raise the deadline"
                )
            ],
        ),
        (
            "[services.orders]\nhedge = true\n[services.orders.retry]\nbudget = 0\nbudget_floor = 0",
            [
                (
                    "services.orders.hedge has nothing to spend with services.orders.retry.budget 0.0 ~ and "
                    "services.orders.retry.budget_floor 0.0 ~: raise one of them, or write hedge = false"
                )
            ],
        ),
        (
            "[defaults.hedge]\nextra = 0",
            ["defaults.hedge.extra 0.0 ~ allows no second attempt: write hedge = false"],
        ),
        (
            "[defaults.ejection]\nmax_ejected = 0.7",
            [
                (
                    "defaults.ejection.max_ejected 0.7 ~ lets 2 of 3 endpoints be ejected, with "
                    "defaults.ejection.panic 0.5 (default) all are used again from then on: lower either"
                )
            ],
        ),
        (
            "[services.orders.ejection]\npanic = 0.6",
            [
                (
                    "services.orders.ejection.max_ejected 0.5 (default) lets 1 of 2 endpoints be ejected, with "
                    "services.orders.ejection.panic 0.6 ~ all are used again from then on: lower either"
                )
            ],
        ),
        (
            "[services.orders]\nhash_key = 'header:x-user'",
            [
                (
                    "services.orders.hash_key header:x-user ~ means nothing to services.orders.balancer p2c "
                    "(default): write balancer = 'ring_hash' or 'maglev'"
                )
            ],
        ),
        (
            "[defaults]\nshadow = ['hedge', 'retry']",
            ["defaults.shadow ('hedge', 'retry') ~ names hedge, which is off: there is nothing to see"],
        ),
        (
            "[services.orders]\nshadow = ['throttle']\ncircuit = true",
            [
                (
                    "services.orders.shadow ('throttle',) ~ names throttle, which gives way to the circuit: "
                    "there is nothing to see"
                )
            ],
        ),
        (
            "[defaults]\nengine = 'httpx'\nmax_response = '1MB'\nconnections = { warm = true }",
            [
                (
                    "defaults.connections.warm True ~ means nothing with defaults.engine httpx ~, whose connections "
                    "are those of httpx's transport: leave one of them out"
                )
            ],
        ),
        (
            "[services.orders]\nhttp2 = true\nconnections = { per_endpoint = 2, warm = true }",
            [
                (
                    f"services.orders.connections.{said} ~ means nothing with services.orders.http2 True ~, whose "
                    "connections are those of httpx's transport: leave one of them out"
                )
                for said in ("per_endpoint 2", "warm True")
            ],
        ),
        (
            "[services.orders.tls]\nverify = false\nca = 'ca.pem'",
            [
                (
                    "services.orders.tls.ca ca.pem ~ is trusted for nothing with services.orders.tls.verify False ~: "
                    "leave verify out, and certificates are checked by that authority"
                )
            ],
        ),
        (
            "[defaults]\nlimit = { concurrency = 2000, endpoint = 9 }\nconnections = { per_endpoint = 8 }",
            [
                (
                    "defaults.limit.concurrency 2000 ~ is more than defaults.connections.total 1024 (default): calls "
                    "that are let in wait for a connection; lower concurrency or raise total"
                ),
                (
                    "defaults.limit.endpoint 9 ~ is more than defaults.connections.per_endpoint 8 ~: calls that are "
                    "let in wait for a connection; lower endpoint or raise per_endpoint"
                ),
            ],
        ),
        (
            "[services.orders]\nshadow = ['guard']",
            ["services.orders.shadow ('guard',) ~ names guard, which is off: there is nothing to see"],
        ),
        (
            "propagate_passthrough = true\n[defaults]\npropagators = []",
            [
                (
                    "propagate_passthrough True ~ hands nothing on with defaults.propagators () ~: name forms there, "
                    "or leave propagate_passthrough out"
                )
            ],
        ),
        (
            "[services.orders]\ncache = 'shared'\nroutes.'/a'.cache = { store = 'redis://u:P@h', coalesce = false }",
            [
                (
                    f'services.orders.routes."/a".cache.{key} ~ means nothing: a service and its routes keep responses '
                    "in one store, that of services.orders.cache; say it there"
                )
                for key in ("store", "coalesce")
            ],
        ),
        (
            (
                "[services.orders.routes]\n"
                "'/a/long'.cache = { max_bytes = '1MiB' }\n"
                "'/b'.cache = { max_bytes = '1MiB', store = 'redis://u:P@h', ttl = '5s' }\n"
                "'/c'.cache = { max_bytes = '2MiB' }"
            ),
            [
                (
                    f'services.orders.routes."{route}".cache.{key} ~ means nothing: a service and its routes keep '
                    'responses in one store, that of services.orders.routes."/a/long".cache; say it there'
                )
                for route, key in (("/b", "store"), ("/c", "max_bytes"))
            ],
        ),
    ],
)
def test_what_cannot_all_hold_is_told_with_values_and_origins(tmp_path: Path, text: str, said: list[str]) -> None:
    """~ stands for the file."""
    assert warnings(tmp_path, text) == [line.replace("~", f"(file {FILE})") for line in said]


@pytest.mark.parametrize(
    "text",
    [
        "",
        # Shorter than the default around or within it: what everybody writes first.
        "[defaults]\ndeadline = '2s'",
        "[services.orders]\nattempt_timeout = '500ms'",
        "[services.orders]\ndeadline = '20ms'",
        "[defaults]\nattempt_timeout = '60s'\ndeadline = false",
        "[defaults.retry]\nattempts = 10",
        "[defaults]\nhedge = true\n[defaults.retry]\nbudget = 0",
        "[defaults]\nhedge = true\nretry = false",
        "[defaults.ejection]\nmax_ejected = 0.7\npanic = 0.3",
        "[defaults]\nhash_key = 'path'\nbalancer = 'maglev'",
        "[defaults]\nshadow = ['ejection', 'retry', 'throttle']",
        "[defaults]\nshadow = ['guard']",
        (
            "[services.orders]\nshadow = ['guard']\n[services.orders.traffic]\nsplit = { v1 = 9, v2 = 1 }\n"
            "variants = { v2 = { tags = ['v2'] } }\nguard = { variant = 'v2' }"
        ),
        # A rule for all with an exception.
        "[defaults]\nmax_response = '1MB'\n[defaults.connections]\nwarm = true\n[services.orders]\nhttp2 = true",
        "[services.orders]\nhttp2 = true\nconnections = { total = 8, warm = false }",
        "[services.orders]\ntls = { verify = false, identity = 'a' }",
        "[services.orders]\nlimit = { concurrency = 2000 }\nconnections = { total = 0 }",
        "propagate_passthrough = true\n[services.orders]\npropagators = []",
        "[defaults]\npropagators = []",
        "[services.orders.routes.'/a']\ncache = { store = 'redis://h', max_bytes = 9 }",
        "[services.orders]\ncache = { store = 'redis://h' }\nroutes.'/a'.cache = { ttl = 9, kind = 'shared' }",
    ],
)
def test_what_fits_is_not_mentioned(tmp_path: Path, text: str) -> None:
    assert warnings(tmp_path, text) == []


def test_who_only_inherits_is_not_told_again(tmp_path: Path) -> None:
    text = "[defaults]\nattempt_timeout = '9s'\ndeadline = '2s'\n[defaults.ejection]\npanic = 1\n"
    text += "[defaults.limit]\nconcurrency = 9\n[defaults.connections]\ntotal = 8\n"
    text += "[defaults.tls]\nverify = false\nca = 'x'\n[services.orders]\n"
    assert [line.split()[0] for line in warnings(tmp_path, text)] == [
        "defaults.attempt_timeout",
        "defaults.ejection.max_ejected",
        "defaults.tls.ca",
        "defaults.limit.concurrency",
    ]


def test_who_makes_it_worse_is(tmp_path: Path) -> None:
    text = "[defaults.ejection]\npanic = 0.8\nmax_ejected = 0.2\n[services.orders.ejection]\nmax_ejected = 0.5"
    first, second = warnings(tmp_path, text)
    assert first.startswith("defaults.ejection.max_ejected 0.2 (file mesh.toml) lets 1 of 2")
    assert second.startswith("services.orders.ejection.max_ejected 0.5 (file mesh.toml) lets 1 of 2")


def test_two_sources_are_both_named(tmp_path: Path) -> None:
    environ = {"MESHCLIENT_SERVICES__ORDERS__DEADLINE": "1s"}
    [line] = warnings(tmp_path, "[services.orders]\nattempt_timeout = '3s'", environ)
    assert "(file mesh.toml)" in line
    assert "(environment MESHCLIENT_SERVICES__ORDERS__DEADLINE)" in line


def test_a_strategy_may_pause_as_it_likes(tmp_path: Path) -> None:
    retry = {"attempts": 10, "backoff": "5s..9s", "wait": tenacity.wait_none()}
    assert warnings(tmp_path, defaults={"retry": retry}) == []


def test_a_throttle_that_would_never_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"defaults.throttle \(.*file mesh.toml\): most 1 leaves no call to tell"):
        warnings(tmp_path, "[defaults.throttle]\nmost = 1")


SHARED = "store = 'redis://u:secret@h/0'"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (f"[defaults.circuit]\n{SHARED}\n[services.orders]\ndeadline = '1s'", "defaults"),
        (f"[services.orders.circuit]\n{SHARED}", "services.orders"),
        (f"[defaults]\ncircuit = false\n[services.orders.circuit]\n{SHARED}", "services.orders"),
    ],
)
def test_a_circuit_cannot_be_shared_where_nothing_runs_between_calls(tmp_path: Path, text: str, place: str) -> None:
    with pytest.raises(ConfigError) as caught:
        warnings(tmp_path, f"mode = 'on-demand'\n{text}")
    assert str(caught.value) == (
        f"{place}.circuit.store (file {FILE}): circuits cannot be shared where mode is 'on-demand' (file {FILE}), "
        "since nothing runs between calls: leave store out, or write mode = 'background'"
    )
    assert warnings(tmp_path, text) == []
    assert warnings(tmp_path, f"mode = 'on-demand'\n{text}".replace(SHARED, "")) == []


def test_a_position_needs_peers(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"defaults.subset \(.*\): position 3 means nothing while peers is 0"):
        warnings(tmp_path, defaults={"subset": {"position": 3}})
    assert warnings(tmp_path, defaults={"subset": {"position": 3, "peers": 4}}) == []
