"""``meshclient watch``: its forms as they are known, and ``--diff``."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli.command import LIMIT, Command
from cli.golden import assert_golden
from cli.here import Here
from cli.schemas import assert_valid

CHANGING = (
    (r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "2026-01-02T03:04:05Z"),
    (r"file://\S*?mesh\.json", "file://mesh.json"),
    (r"/\S*?mesh\.json cannot", "mesh.json cannot"),
    (r"age [^,\n]+", "age A"),
    (r'("age_seconds": )[0-9.e-]+', r"\g<1>0.5"),
)
B = {"host": "b", "port": 2, "zone": "z1", "tags": ["v1"], "health": "passing"}
STEPS: tuple[list[object], ...] = (
    ["http://a:1", B],
    ["http://a:1", {**B, "weight": 3, "zone": "z2", "tags": ["v1", "v2"], "metadata": {"version": 3}}, "http://c:3"],
    [{**B, "weight": 3, "zone": "z2", "tags": ["v2", "v1"], "metadata": {"version": 3}}, "http://c:3"],
)


def write(path: Path, endpoints: list[object]) -> None:
    """Put a registry file in place."""
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps({"services": {"orders": {"endpoints": endpoints}}}), "utf-8")
    fresh.replace(path)


Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(meshclient_command: Command, tmp_path: Path) -> Iterator[Start]:
    """Follows a registry file through three changes and an outage."""
    begun: list[subprocess.Popen[str]] = []
    write(tmp_path / "mesh.json", STEPS[0])

    def start(*words: str) -> subprocess.Popen[str]:
        resolver = f"file://{tmp_path}/mesh.json"
        begun.append(meshclient_command.start("watch", resolver, "orders", "--count", "4", *words))
        return begun[-1]

    yield start
    for process in begun:
        process.kill()
        process.communicate(timeout=LIMIT)


@pytest.mark.parametrize("form", ["table", "jsonl"])
def test_what_changed(start: Start, tmp_path: Path, form: str) -> None:
    process = start("--diff", "-o", form)
    assert process.stdout is not None
    # As many lines as each change takes in words: one for itself, one for each endpoint.
    wanted = [3, 3, 3] if form == "table" else [1, 1, 1]
    told = [process.stdout.readline() for _ in range(wanted[0])]
    for step, count in zip(STEPS[1:], wanted[1:], strict=True):
        write(tmp_path / "mesh.json", step)
        told += [process.stdout.readline() for _ in range(count)]
    (tmp_path / "mesh.json").unlink()
    rest, err = process.communicate(timeout=LIMIT)
    assert (process.returncode, err) == (0, "")
    assert_golden(f"watch.diff.{form}.txt", "".join([*told, rest]), *CHANGING)
    if form != "table":
        for line in [*told, rest]:
            assert_valid(json.loads(line))


@pytest.mark.parametrize("form", ["table", "wide", "json", "jsonl"])
def test_the_forms(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    write(tmp_path / "mesh.json", STEPS[1])
    ran = Here(tmp_path, capsys, monkeypatch)("watch", "file://mesh.json", "orders", "--count", "1", "-o", form)
    assert (ran.code, ran.err) == (0, "")
    assert_golden(f"watch.{form}.txt", ran.out, *CHANGING)
    if form.startswith("json"):
        assert_valid(ran.document)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("static://a:1",), "name it behind the URI"),
        (("static://a:1", "orders", "users"), "2 services, and one is watched at a time"),
        (("orders",), "no resolver configured"),
        (("static://a:1", "orders", "--fail"), "--fail is about a command"),
        (("static://a:1", "orders", "--", "no-such-program"), "cannot start 'no-such-program'"),
        (("static://a:1", "orders", "-o", "name"), "names alone do not tell where a change ends"),
    ],
)
def test_slips(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    said: str,
) -> None:
    ran = Here(tmp_path, capsys, monkeypatch)("watch", *words)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def test_the_registry_that_is_named_is_watched_whatever_is_configured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "meshclient.toml").write_text('[services.orders]\nendpoints = ["http://c:3"]\n', "utf-8")
    here = Here(tmp_path, capsys, monkeypatch)
    assert here("watch", "static://a:1", "orders", "--count", "1").document["added"] == ["http://a:1"]
    assert here("watch", "orders", "--count", "1").document["added"] == ["http://c:3"]
