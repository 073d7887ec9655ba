"""Decisions in words, the configuration without secrets, and the page that ships."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest

from meshclient.config.loaded import load
from meshclient.model import events
from meshclient.model.endpoint import Endpoint
from meshclient.model.snapshot import Empty, Failed, Ready
from meshclient.sidecar.admin.decision import decision
from meshclient.sidecar.admin.page import page
from meshclient.sidecar.admin.settings_document import masked, settings_document

ENDPOINT = Endpoint("10.0.0.7", 8080)
READY = Ready((ENDPOINT,), source="consul://c")
LOST = Failed("timeout", source="consul://c", last=READY)
QUIET = {"AttemptFinished", "RetryScheduled", "RetryRefused", "HedgeStarted", "CallRejected"}
# What a migration tells is in the state of its service.
QUIET |= {"MigrationDiffers", "MigrationAgrees"}

SAID = [
    (events.EndpointEjected("o", ENDPOINT, 5, 4.0), "bad", "ejected 10.0.0.7:8080 after 5 failures, probe in 4s"),
    (events.EndpointEjected("o", ENDPOINT, 1, 0.25), "bad", "ejected 10.0.0.7:8080 after 1 failure, probe in 250ms"),
    (events.EndpointEjected("o", ENDPOINT, 0, 30.0), "bad", "ejected 10.0.0.7:8080 by hand, probe in 30s"),
    (events.EndpointRestored("o", ENDPOINT), "good", "10.0.0.7:8080 is back in rotation"),
    (
        events.HealthChanged("o", ENDPOINT, passing=False, checks=3, detail="503"),
        "bad",
        "took out 10.0.0.7:8080, which failed 3 checks: 503",
    ),
    (
        events.HealthChanged("o", ENDPOINT, passing=True, checks=2),
        "good",
        "10.0.0.7:8080 is healthy again: it passed 2 checks",
    ),
    (events.CircuitChanged("o", "closed", "open", "5 of 10 failed"), "bad", "circuit closed to open: 5 of 10 failed"),
    (
        events.CircuitChanged("o", "half-open", "closed", "its probe succeeded"),
        "good",
        "circuit half-open to closed: its probe succeeded",
    ),
    (events.PanicChanged("o", True, 1, 3), "bad", "only 1 of 3 endpoints are usable, so all are used"),
    (events.PanicChanged("o", False, 3, 3), "good", "3 of 3 endpoints are usable again, and only those are used"),
    (events.SnapshotUpdated("o", READY), "neutral", "consul://c lists 1 endpoint"),
    (events.SnapshotUpdated("o", Empty(source="consul://c")), "bad", "consul://c lists no endpoint"),
    (
        events.RegistryLost("o", LOST),
        "bad",
        "consul://c does not answer, its last list of 1 serves on: timeout",
    ),
    (events.RegistryRecovered("o", "consul://c", 90.0), "good", "consul://c answers again after 1.5m"),
    (
        events.EmptyListHeld("o", "consul://c", 3),
        "bad",
        "consul://c lists no endpoint; the 3 known before are kept while one answers",
    ),
    (
        events.MassRemovalHeld("o", "consul://c", 10, 8, 1.0),
        "bad",
        "consul://c dropped 8 of 10 endpoints at once; they are used on for a while",
    ),
    (
        events.MassRemovalReleased("o", "consul://c", 8, 1),
        "neutral",
        "of what consul://c had dropped at once, 8 are gone, 1 are back",
    ),
    (events.StoredListServed("o", "file", 3, 60.0), "bad", "3 endpoints from disk, last confirmed 1m ago"),
    (
        events.CanaryTripped("o", "v2", "failures", 30.0, 10, 5, 100, 1),
        "bad",
        "variant v2 is worse by its failures and gets no more traffic",
    ),
    (
        events.ShadowDecision("o", "ejection", "ejected it: 5 failures in a row", ENDPOINT),
        "neutral",
        "ejection in shadow mode would have ejected it: 5 failures in a row",
    ),
    (events.StoreChanged("redis://r", "no answer"), "bad", "circuits are not shared through redis://r: no answer"),
    (events.StoreChanged("redis://r", ""), "good", "circuits are shared through redis://r again"),
]


@pytest.mark.parametrize(("event", "level", "words"), SAID, ids=lambda value: type(value).__name__)
def test_a_change_of_state_is_a_line(event: events.Event, level: str, words: str) -> None:
    made = decision(event, datetime(2026, 11, 21, 23, 30, 1, 5000, UTC))
    assert made is not None
    assert (made.level, made.words, made.time) == (level, words, "2026-11-21T23:30:01.005Z")
    assert made.kind == re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(event).__name__).lower()
    assert made.endpoint == ("10.0.0.7:8080" if hasattr(event, "endpoint") else "")
    assert made.service == ("" if isinstance(event, events.StoreChanged) else "o")


def test_every_event_has_words_or_is_no_change_of_state() -> None:
    said = {type(event).__name__ for event, *_ in SAID}
    assert {kind.__name__ for kind in get_args(events.Event)} == said | QUIET
    assert decision(events.RetryScheduled("o", 1, 0.1, "why")) is None


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("consul://c:8500?dc=one", "consul://c:8500?dc=one"),
        ("redis://eve:hunter2@r:6379/0", "redis://***@r:6379/0"),
        ("redis://:hunter2@r", "redis://***@r"),
        ("consul://c?token=hunter2&dc=one | dns", "consul://c?token=***&dc=one | dns"),
        ("consul://c?acl_token_file=/hunter2|etcd://e", "consul://c?acl_token_file=***|etcd://e"),
        ("migrate(eureka://eve:hunter2@a, etcd://e?password=hunter2)", None),
        (["http://eve:hunter2@p"], ["http://***@p"]),
        ({"a": {"secret_file": "/hunter2", "x": 1}}, {"a": {"secret_file": "***", "x": 1}}),
        ("http://p?x-api-key=hunter2&Access_Key_Id=hunter2", "http://p?x-api-key=***&Access_Key_Id=***"),
        ("a://x|b://eve:hunter2@y,c://p@ss:hunter2@z", "a://x|b://***@y,c://***@z"),
        ("a://eve:hun,ter2@x", "a://***@x"),
        ({"token": ""}, {"token": ""}),
        (True, True),
        (2.5, 2.5),
        (None, None),
    ],
)
def test_secrets_are_masked_wherever_they_stand(value: object, shown: object) -> None:
    found = masked(value)
    assert "hunter2" not in json.dumps(found)
    assert shown is None or found == shown


def test_settings_are_told_with_their_origin() -> None:
    session = {"secret_file": "/hunter2", "cookie": "c"}
    loaded = load(
        environ={"MESHCLIENT_DEFAULTS__DEADLINE": "3s"},
        cwd=Path("/"),
        arguments={"services": {"a": {"session": session}}},
        sets=["defaults.balancer=round_robin"],
    )
    told = settings_document(loaded)
    settings = {each["path"]: each for each in told["settings"]}  # type: ignore[attr-defined]
    assert told["file"] is None
    assert settings["defaults.balancer"]["origin"] == {"layer": "argument", "detail": "--set"}
    assert settings["defaults.deadline"]["origin"]["detail"] == "MESHCLIENT_DEFAULTS__DEADLINE"
    assert "hunter2" not in json.dumps(told)


def test_the_page_runs_and_loads_nothing_that_is_not_in_it() -> None:
    made = page()
    text = made.body.decode()
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        [content] = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in made.policy
    assert "default-src 'none'" in made.policy
    assert "frame-ancestors 'none'" in made.policy
    assert "unsafe" not in made.policy
    assert not re.search(r"\son\w+\s*=", re.sub(r"<(script|style)>.*?</\1>", "", text, flags=re.DOTALL))
    assert not re.search(r"(?:src|href)=\"(?!#|data:)", text)
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|https?://(?!www\.w3\.org)[a-z]", text
    )
    assert len(made.body) < 60_000
