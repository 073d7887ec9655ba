"""``meshclient config show``: every value and who said so."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

import meshclient
from cli.golden import assert_golden
from cli.here import Here
from cli.schemas import assert_valid
from meshclient.cli.origin_lines import OriginLines
from meshclient.config.loaded import load

FILE = """
resolver = "consul://user:hunter2@registry:8500?token=hunter3&dc=a"
[services.orders]
deadline = "500ms"
endpoints = ["http://a:1"]
"""


@pytest.fixture
def here(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Here:
    """The command in this process, in a folder with a configuration file."""
    (tmp_path / "meshclient.toml").write_text(FILE, "utf-8")
    return Here(tmp_path, capsys, monkeypatch)


def test_values_and_origins(here: Here, tmp_path: Path) -> None:
    ran = here(
        *("config", "show", "--origin", "-o", "json", "--set", "mode=on-demand"),
        MESHCLIENT_DEFAULTS__RETRY__ATTEMPTS="2",
    )
    assert (ran.code, ran.err) == (0, "")
    document = ran.document
    assert document["schema"] == "meshclient.config_show/v1"
    assert document["file"] == str(tmp_path / "meshclient.toml")
    assert document["warnings"] == []
    found = {setting["path"]: (setting["value"], setting["origin"]) for setting in document["settings"]}
    assert found["services.orders.deadline"] == (
        "500ms",
        {"layer": "file", "detail": "meshclient.toml", "line": 4},
    )
    assert found["defaults.retry.attempts"] == (
        2,
        {"layer": "environment", "detail": "MESHCLIENT_DEFAULTS__RETRY__ATTEMPTS", "line": None},
    )
    assert found["mode"] == ("on-demand", {"layer": "argument", "detail": "--set", "line": None})
    assert found["defaults.balancer"] == ("p2c", {"layer": "default", "detail": None, "line": None})
    assert found["services.orders.endpoints"][0] == ["http://a:1"]
    assert list(found) == sorted(found)


def test_secrets_are_masked_in_every_form(here: Here) -> None:
    for form in ("table", "wide", "json", "jsonl", "name"):
        ran = here("config", "show", "-o", form)
        assert ran.code == 0
        assert "hunter" not in ran.out
    assert "consul://***@registry:8500?token=***&dc=a" in here("config", "show").out


def test_origins_are_a_column_when_asked_for(here: Here) -> None:
    assert "ORIGIN" not in here("config", "show").out
    rows = here("config", "show", "--origin", "--no-header").out.splitlines()
    (deadline,) = [row for row in rows if row.startswith("services.orders.deadline")]
    assert deadline.split() == ["services.orders.deadline", '"500ms"', "file", "meshclient.toml:4"]


def test_what_is_shown_can_be_written_into_a_file(here: Here, tmp_path: Path) -> None:
    words = ("config", "show", "--resolver", "dns://", "--no-header")
    rows = here(*words, "--set", "services.orders.retry=false").out.splitlines()
    text = "\n".join(" = ".join(row.split(None, 1)) for row in rows)
    assert tomllib.loads(text)["services"]["orders"]["retry"] is False
    (tmp_path / "copy.toml").write_text(text, "utf-8")
    assert here(*words, "--config", "copy.toml").out.splitlines() == rows


def test_warnings_are_not_part_of_the_answer(here: Here) -> None:
    ran = here("config", "show", "-o", "json", MESHCLIENT_DEFAULTS__DEADLIN="1s")
    assert "MESHCLIENT_DEFAULTS__DEADLIN sets nothing" in ran.err
    assert len(ran.document["warnings"]) == 1


def test_a_wrong_value_names_its_origin(here: Here) -> None:
    ran = here("config", "show", MESHCLIENT_DEFAULTS__DEADLINE="soon")
    assert (ran.code, ran.out) == (2, "")
    assert "defaults.deadline (environment MESHCLIENT_DEFAULTS__DEADLINE)" in ran.err


def test_what_is_written(here: Here) -> None:
    """In its every form; of what is the default there is more with every release, so that is left out here."""
    for form in ("table", "wide"):
        rows = here("config", "show", "-o", form, "--set", "zone=a").out.splitlines()
        kept = [row for row in rows if row.startswith(("file", "SETTING", "resolver", "zone", "services.orders.d"))]
        assert_golden(
            f"config.{form}.txt", "\n".join(kept), (r"file: \S+", "file: FOLDER/meshclient.toml"), (r" {3,}", "  ")
        )
    document = here("config", "show", "-o", "json", "--set", "zone=a").document
    assert_valid(document)
    document["settings"] = [each for each in document["settings"] if each["origin"]["layer"] != "default"]
    assert_golden(
        "config.json.txt", json.dumps(document, indent=2), (r'"file": "\S+"', '"file": "FOLDER/meshclient.toml"')
    )
    lines = here("config", "show", "-o", "jsonl", "--set", "zone=a").lines
    for line in lines:
        assert_valid(line)
    said = [line for line in lines if line["origin"]["layer"] != "default"]
    assert_golden("config.jsonl.txt", "\n".join(map(json.dumps, said)))
    names = here("config", "show", "-o", "name").out.splitlines()
    assert names == [line["path"] for line in lines]


def test_what_a_running_process_goes_by(here: Here) -> None:
    address = f"unix:{here.folder}/m.sock"
    with (
        meshclient.Mesh("static://?orders=10.0.0.1:80", defaults={"deadline": "7s"}) as mesh,
        mesh.serve_admin(address),
    ):
        ran = here("config", "show", "--admin", address, "-o", "json")
        table = here("config", "show", "--admin", address, "--origin")
    assert (ran.code, ran.err) == (0, "")
    assert_valid(ran.document)
    found = {each["path"]: each for each in ran.document["settings"]}
    assert found["defaults.deadline"]["value"] == "7s"
    assert found["defaults.deadline"]["origin"] == {"layer": "argument", "detail": None, "line": None}
    assert "7s" in table.out
    ran = here("config", "show", "--admin", f"unix:{here.folder}/gone.sock")
    assert (ran.code, ran.out) == (9, "")


def test_exit_codes(here: Here) -> None:
    assert here("config", "show").code == 0
    assert here("config", "show", "--config", "missing.toml").code == 2
    assert here("config", "show", "--set", "defaults.deadlin=1s").code == 2
    assert here("config", "hide").code == 2
    assert here("config", "show", "-o", "yaml").code == 2


LINES = """\
# nothing
resolver = "dns://"   # 2
domains = [           # 3
  "mesh",
  "mesh2",
]
discovery.hold = "9s" # 7

[defaults]
deadline = "9s"       # 10
retry = { attempts = 5, budget = 0.3 }

[ services . Orders ]
"connect_timeout" = "1s"
retry.backoff = "1ms..2ms"
[services.orders.routes."/reports/*"]
deadline = "30s"
[services."a.b"]
hedge = true
"""


@pytest.mark.parametrize("project", [False, True])
def test_values_are_found_in_their_lines(tmp_path: Path, *, project: bool) -> None:
    text = LINES
    if project:
        text = text.replace("# nothing", "[tool.meshclient]")
        for table in ("[defaults]", "[services"):
            text = text.replace(table, f"[tool.meshclient.{table[1:]}")
        text = text.replace("[ services . Orders ]", "[ tool.meshclient . services . orders ]")
    path = tmp_path / ("pyproject.toml" if project else "meshclient.toml")
    path.write_text(text.replace("Orders", "orders"), "utf-8")
    loaded = load(environ={}, cwd=tmp_path, path=path, sets=["zone=a"])
    lines = OriginLines(loaded.file)
    (told,) = [lines.text(each) for each in loaded.settings if each.path == "discovery.hold"]
    assert told == f"{path.name}:7"
    found = {each.path: lines.line(each) for each in loaded.settings}
    assert {key: line for key, line in found.items() if line and not key.startswith("services")} == {
        "resolver": 2,
        "domains": 3,
        "discovery.hold": 7,
        "defaults.deadline": 10,
        "defaults.retry.attempts": 11,
        "defaults.retry.budget": 11,
    }
    wanted = {
        "connect_timeout": 14,
        "retry.backoff": 15,
        "retry.attempts": 11,
        "deadline": 10,
        "retry.budget_floor": None,
    }
    assert {key: found[f"services.orders.{key}"] for key in wanted} == wanted
    assert found['services.orders.routes."/reports/*".deadline'] == 17
    assert found['services."a.b".hedge.extra'] is None
    assert found["zone"] is None
