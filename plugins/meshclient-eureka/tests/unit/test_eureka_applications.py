"""How the registry's JSON reads, with the ways in which servers differ."""

from __future__ import annotations

import json
from typing import Any

import pytest

from meshclient.discovery.http_registry.fields import PayloadError
from meshclient_eureka.applications import Applications, decode_applications
from meshclient_eureka.registry import Registry


def decode(application: Any, **root: Any) -> Applications:
    root.setdefault("apps__hashcode", "")
    return decode_applications(json.dumps({"applications": {"application": application, **root}}).encode())


def ids(answer: Applications) -> list[tuple[str, str]]:
    return [(instance.app, instance.id) for instance in answer.instances]


def test_lists_of_one_may_stand_alone() -> None:
    record = {"instanceId": "a", "status": "UP"}
    for application in ({"name": "web", "instance": record}, [{"name": "web", "instance": [record]}]):
        assert ids(decode(application)) == [("WEB", "a")]


@pytest.mark.parametrize("nothing", [[], None, ""])
def test_nothing_may_be_a_list_or_a_text(nothing: Any) -> None:
    assert ids(decode(nothing)) == []
    assert ids(decode({"name": "web", "instance": nothing})) == []


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"instanceId": "a", "hostName": "h"}, "a"),
        ({"hostName": "h"}, "h"),
        ({"hostName": "h", "dataCenterInfo": {"name": "Amazon", "metadata": {"instance-id": "i-1"}}}, "i-1"),
        ({"instanceId": 7}, "7"),
    ],
)
def test_the_id_of_old_clients_is_their_host(record: dict[str, Any], expected: str) -> None:
    assert ids(decode({"name": "web", "instance": record})) == [("WEB", expected)]


@pytest.mark.parametrize(
    ("status", "expected"), [("UP", "UP"), ("up", "UP"), ("OUT_OF_SERVICE", "OUT_OF_SERVICE"), ("ODD", "UNKNOWN")]
)
def test_an_unknown_status_is_unknown(status: str, expected: str) -> None:
    (instance,) = decode({"name": "web", "instance": {"instanceId": "a", "status": status}}).instances
    assert instance.status == expected


def test_a_malformed_record_costs_no_other() -> None:
    answer = decode(
        [
            {"name": "web", "instance": [{"instanceId": "a"}, {"status": "UP"}, 7, {"instanceId": ["x"]}]},
            "odd",
            {"instance": {"instanceId": "b", "app": "orders"}},
            {"instance": {"instanceId": "c"}},
        ]
    )
    assert ids(answer) == [("WEB", "a"), ("ORDERS", "b")]
    shown = " | ".join(answer.malformed)
    for words in ("web record 1: it has neither", "web record 2: the record is a number", "record 3: its instanceId"):
        assert words in shown
    assert "application 1: it is text" in shown
    assert "it belongs to no application" in shown


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "not JSON"),
        (b"<html>", "begins b'<html>'"),
        (b"[]", "a list without 'applications'"),
        (b"{}", "without 'applications'"),
        (b'{"applications": null}', "without 'applications'"),
        (b'{"applications": {}}', "neither a list nor a hash code"),
        (b'{"applications": {"apps__hashcode": []}}', "apps__hashcode is a list"),
    ],
)
def test_a_malformed_answer_says_in_what_way(body: bytes, problem: str) -> None:
    with pytest.raises(PayloadError, match=problem):
        decode_applications(body)


def test_a_registry_that_contradicts_itself_is_not_empty() -> None:
    with pytest.raises(PayloadError, match="counts 'UP_3_'"):
        Registry.of(decode([], apps__hashcode="UP_3_"))
    with pytest.raises(PayloadError, match="none of its records"):
        Registry.of(decode({"name": "web", "instance": [1, 2]}, apps__hashcode="UP_2_"))
    assert Registry.of(decode([], apps__hashcode="")).apps == {}
