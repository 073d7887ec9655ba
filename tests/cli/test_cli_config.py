"""``meshclient config show``: every value and who said so."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from cli.command import Command

FILE = """
resolver = "consul://user:hunter2@registry:8500?token=hunter3&dc=a"
[services.orders]
deadline = "500ms"
endpoints = ["http://a:1"]
"""


@pytest.fixture
def configured(meshclient_command: Command, tmp_path: Path) -> Command:
    """The command, in a folder with a configuration file."""
    (tmp_path / "meshclient.toml").write_text(FILE, "utf-8")
    return meshclient_command


def test_values_and_origins(configured: Command, tmp_path: Path) -> None:
    ran = configured(
        *("config", "show", "--origin", "-o", "json", "--set", "mode=on-demand"),
        MESHCLIENT_DEFAULTS__RETRY__ATTEMPTS="2",
    )
    assert (ran.code, ran.err) == (0, "")
    document = ran.document
    assert document["schema"] == "meshclient.config_show/v1"
    assert document["file"] == str(tmp_path / "meshclient.toml")
    assert document["warnings"] == []
    found = {setting["path"]: (setting["value"], setting["origin"]) for setting in document["settings"]}
    assert found["services.orders.deadline"] == ("500ms", {"layer": "file", "detail": "meshclient.toml"})
    assert found["defaults.retry.attempts"] == (
        2,
        {"layer": "environment", "detail": "MESHCLIENT_DEFAULTS__RETRY__ATTEMPTS"},
    )
    assert found["mode"] == ("on-demand", {"layer": "argument", "detail": "--set"})
    assert found["defaults.balancer"] == ("p2c", {"layer": "default", "detail": None})
    assert found["services.orders.endpoints"][0] == ["http://a:1"]
    assert list(found) == sorted(found)


def test_secrets_are_masked_in_every_form(configured: Command) -> None:
    for form in ("table", "wide", "json", "jsonl", "name"):
        ran = configured("config", "show", "-o", form)
        assert ran.code == 0
        assert "hunter" not in ran.out
    assert "consul://***@registry:8500?token=***&dc=a" in configured("config", "show").out


def test_origins_are_a_column_when_asked_for(configured: Command) -> None:
    assert "ORIGIN" not in configured("config", "show").out
    rows = configured("config", "show", "--origin", "--no-header").out.splitlines()
    (deadline,) = [row for row in rows if row.startswith("services.orders.deadline")]
    assert deadline.split() == ["services.orders.deadline", '"500ms"', "file", "meshclient.toml"]


def test_what_is_shown_can_be_written_into_a_file(configured: Command, tmp_path: Path) -> None:
    words = ("config", "show", "--resolver", "dns://", "--no-header")
    rows = configured(*words, "--set", "services.orders.retry=false").out.splitlines()
    text = "\n".join(" = ".join(row.split(None, 1)) for row in rows)
    assert tomllib.loads(text)["services"]["orders"]["retry"] is False
    (tmp_path / "copy.toml").write_text(text, "utf-8")
    assert configured(*words, "--config", "copy.toml").out.splitlines() == rows


def test_warnings_are_not_part_of_the_answer(meshclient_command: Command) -> None:
    ran = meshclient_command("config", "show", "-o", "json", MESHCLIENT_DEFAULTS__DEADLIN="1s")
    assert "MESHCLIENT_DEFAULTS__DEADLIN sets nothing" in ran.err
    assert len(ran.document["warnings"]) == 1


def test_a_wrong_value_names_its_origin(configured: Command) -> None:
    ran = configured("config", "show", MESHCLIENT_DEFAULTS__DEADLINE="soon")
    assert (ran.code, ran.out) == (2, "")
    assert "defaults.deadline (environment MESHCLIENT_DEFAULTS__DEADLINE)" in ran.err
