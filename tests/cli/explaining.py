"""What the tests of ``meshclient explain`` have in common."""

from __future__ import annotations

from typing import Any

from cli.here import Here
from cli.schemas import assert_valid

FILE = """\
resolver = "file://list.toml | static://?payments=10.9.9.9:80"
zone = "a"

[defaults]
deadline = "2s"

[services.orders]
balancer = "ring_hash"
hash_key = "header:x-user"
retry = { attempts = 4, budget = 0.1 }

[services.orders.routes."/reports/*"]
deadline = "10s"
retry = false

[services.stock]
endpoints = ["http://10.0.1.1:80"]
hedge = { extra = 0.02 }
circuit = { store = "redis://127.0.0.1:1/0" }
shadow = ["ejection"]
"""
LIST = """\
[services.orders]
endpoints = [
  { host = "10.0.0.1", port = 8080, zone = "a" },
  { host = "10.0.0.2", port = 8080, zone = "b", weight = 3 },
  { host = "10.0.0.3", port = 8080, zone = "b", health = "critical" },
  { host = "10.0.0.5", port = 8080, zone = "b" },
  { host = "10.0.0.4", port = 8080, zone = "b", priority = 1 },
]
[services.sick]
endpoints = [
  { host = "10.0.0.9", port = 80, health = "critical" },
  { host = "10.0.0.8", port = 80, health = "draining" },
]
[services.gone]
endpoints = [{ host = "10.0.0.9", port = 80, health = "draining" }]
"""


def explained(here: Here, *words: str, code: int = 0, **variables: str) -> dict[str, Any]:
    """The document, which is as its schema says."""
    ran = here("explain", *words, "-o", "json", **variables)
    assert ran.code == code, ran.err
    assert_valid(ran.document)
    return ran.document


def policies(document: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """State and words of each policy."""
    return {each["policy"]: (each["state"], each["words"]) for each in document["policies"]}


def settings(document: dict[str, Any]) -> dict[str, tuple[object, dict[str, Any]]]:
    """Value and origin by key."""
    return {each["key"]: (each["value"], each["origin"]) for each in document["settings"]}
