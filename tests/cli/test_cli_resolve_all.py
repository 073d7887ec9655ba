"""``meshclient resolve``: its forms as they are known, what ``--all`` adds, and what a start must not cost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cli.command import LIMIT, Command, environment
from cli.golden import assert_golden
from cli.here import Here
from cli.schemas import assert_valid

CONFIG = """\
zone = "a"

[services.orders]
endpoints = [
    { host = "10.0.0.1", port = 8080, id = "one", zone = "a", tags = ["v1", "blue"], metadata = { version = 3 } },
    { host = "10.0.0.2", port = 8080, id = "two", zone = "a", weight = 2, health = "critical" },
    { host = "10.0.0.3", port = 8080, id = "three", zone = "a", health = "draining" },
    { host = "10.0.0.4", port = 8080, id = "four", zone = "b", tags = ["canary"], health = "passing" },
    "http://10.0.0.6:8080",
    "http://10.0.0.7:8080",
    "http://10.0.0.8:8080",
    { host = "10.0.0.5", port = 8443, id = "five", zone = "b", scheme = "https", priority = 1 },
]
[services.orders.traffic]
split = { stable = 1, canary = 0 }
[services.orders.traffic.variants]
canary = { tags = ["canary"] }

[services.users]
endpoints = ["http://users.internal:80"]
"""
CHANGING = (
    (r"age \S+, took [^,\n]+", "age A, took T"),
    (r'("(?:age|took)_seconds": )[0-9.e-]+', r"\g<1>0.5"),
)


@pytest.fixture
def here(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Here:
    """The command in this process, in a folder with a configuration."""
    (tmp_path / "meshclient.toml").write_text(CONFIG, "utf-8")
    return Here(tmp_path, capsys, monkeypatch)


@pytest.mark.parametrize("form", ["table", "wide", "json", "jsonl", "name"])
def test_the_forms(here: Here, form: str) -> None:
    ran = here("resolve", "orders", "users", "-o", form)
    assert (ran.code, ran.err) == (0, "")
    assert_golden(f"resolve_list.{form}.txt", ran.out, *CHANGING)
    if form == "json":
        assert_valid(ran.document)
    if form == "jsonl":
        list(map(assert_valid, ran.lines))


@pytest.mark.parametrize("form", ["table", "wide", "json", "jsonl"])
def test_all(here: Here, form: str) -> None:
    ran = here("resolve", "orders", "--all", "-o", form)
    assert (ran.code, ran.err) == (0, "")
    assert_golden(f"resolve.all.{form}.txt", ran.out, *CHANGING)
    if form.startswith("json"):
        assert_valid(ran.lines[0] if form == "jsonl" else ran.document)


def test_why_each_is_excluded(here: Here) -> None:
    document = here("resolve", "orders", "--all", "-o", "json").document
    assert {each["label"]: each["reason"] for each in document["excluded"]} == {
        "two": "critical",
        "three": "draining",
        "four": "variant",
        "five": "standby",
    }
    assert all(each["endpoint"]["id"] == each["label"] for each in document["excluded"])


def test_the_subset_and_the_zone(here: Here) -> None:
    fleet = ",".join(f"http://10.0.1.{number}:80" for number in range(1, 101))
    words = ("--set", "services.big.subset={ size = 12, peers = 20, position = 3 }", "-o", "json", "--all")
    document = here("resolve", f"static://?big={fleet}", "big", *words).document
    assert_valid(document)
    assert len(document["endpoints"]) == 100
    in_view = 100 - len(document["excluded"])
    assert 12 <= in_view <= 16
    assert {each["reason"] for each in document["excluded"]} == {"subset"}
    assert document["excluded"][0]["detail"] == f"not in the subset: {in_view} of 100"

    zones = [f'{{ host = "10.0.2.{n}", zone = "{zone}" }}' for n, zone in enumerate("aaaabb", 1)]
    (here.folder / "zones.toml").write_text(f"[services.far]\nendpoints = [{', '.join(zones)}]\n", "utf-8")
    document = here("resolve", "file://zones.toml", "far", "--all", "-o", "json").document
    assert [(each["endpoint"]["zone"], each["reason"]) for each in document["excluded"]] == [("b", "zone")] * 2
    assert document["excluded"][0]["detail"] == "calls stay in zone a"


def test_a_table_is_the_same_on_a_screen_that_is_wide_enough(here: Here) -> None:
    plain = here("resolve", "orders", "--all").out.splitlines()[1:]
    assert here("resolve", "orders", "--all", COLUMNS="200").out.splitlines()[1:] == plain
    # Folded, and nothing of it lost.
    narrow = here("resolve", "orders", "--all", COLUMNS="80").out
    assert max(map(len, narrow.splitlines())) <= 80
    assert "http://10.0.0.4:8080" in narrow


def test_names_that_ascii_cannot_show_are_shown(here: Here) -> None:
    (here.folder / "z.toml").write_text('[services.a]\nendpoints = [{ host = "h", zone = "zürich" }]\n', "utf-8")
    assert "zürich" in here("resolve", "file://z.toml", "a").out


def test_a_start_imports_no_more_than_it_needs(meshclient_command: Command, tmp_path: Path) -> None:
    """httpx, rich and the machinery of calls and plugins take most of the time that a start takes."""
    (tmp_path / "mesh.toml").write_text('[services.orders]\nendpoints = ["http://a:1"]\n', "utf-8")
    code = (
        "import sys\n"
        "from meshclient.cli.main import main\n"
        "code = main(['resolve', 'file://mesh.toml', 'orders'])\n"
        "heavy = ('httpx', 'rich', 'importlib.metadata', 'meshclient.mesh', 'meshclient.telemetry', 'opentelemetry')\n"
        "print(code, [name for name in heavy if name in sys.modules])\n"
    )
    words = [sys.executable, "-c", code]
    done = subprocess.run(
        words, cwd=tmp_path, env=environment({}), capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert done.stdout.splitlines()[-1] == "0 []", done.stderr
