"""``meshclient plugins``: what is there, and what does not load."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import meshclient
from cli.command import Command
from cli.golden import assert_golden
from cli.schemas import assert_valid
from meshclient.cli.main import main


def install(folder: Path, distribution: str, entry: str, group: str = "meshclient.resolvers") -> None:
    """Put a distribution with one entry point into a folder."""
    info = folder / f"{distribution.replace('-', '_')}-2.5.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 2.5\n", "utf-8")
    (info / "entry_points.txt").write_text(f"[{group}]\n{entry}\n", "utf-8")


@pytest.mark.parametrize("form", ["table", "wide", "json", "jsonl", "name"])
def test_what_it_says(capsys: pytest.CaptureFixture[str], form: str) -> None:
    assert main(["plugins", "-o", form]) == 0
    out = capsys.readouterr().out
    if form == "json":
        assert_valid(json.loads(out))
        assert len(json.loads(out)["plugins"]) > 1
    if form == "jsonl":
        for line in out.splitlines():
            assert_valid(json.loads(line))
            assert json.loads(line)["name"]
    assert_golden(f"plugins.{form}.txt", out, (meshclient.__version__.replace(".", r"\."), "V.V.V"))
    if form == "name":
        assert main(["plugins", "list", "-o", form]) == 0
        assert capsys.readouterr().out == out


def test_what_is_built_in(meshclient_command: Command) -> None:
    ran = meshclient_command("plugins", "-o", "json")
    assert ran.code == 0
    assert ran.document["schema"] == "meshclient.plugins/v1"
    found = {(each["group"], each["name"]): each for each in ran.document["plugins"]}
    assert found["meshclient.resolvers", "file"] == {
        "group": "meshclient.resolvers",
        "name": "file",
        "distribution": "meshclient",
        "version": meshclient.__version__,
        "value": "meshclient.discovery.file:FileResolver",
        "error": None,
        "built_in": True,
        "loads": True,
    }
    assert ("meshclient.balancers", "p2c") in found
    assert list(found) == sorted(found)


def test_a_plugin_that_does_not_load_is_shown_with_the_reason(meshclient_command: Command, tmp_path: Path) -> None:
    install(tmp_path, "meshclient-broken", "broken = no_such_module:Resolver")
    ran = meshclient_command("plugins", "-o", "json")  # python -m finds what lies in the working directory
    assert ran.code == 5
    (broken,) = [each for each in ran.document["plugins"] if each["name"] == "broken"]
    assert (broken["distribution"], broken["version"], broken["loads"]) == ("meshclient-broken", "2.5", False)
    assert "No module named 'no_such_module'" in broken["error"]
    assert "error: 'broken' of meshclient-broken (meshclient.resolvers) cannot be used" in ran.err
    table = meshclient_command("plugins", "--no-header").out
    assert any(
        row.split()[:5] == ["meshclient.resolvers", "broken", "meshclient-broken", "2.5", "no"]
        for row in table.splitlines()
    )


def test_two_claims_on_one_name_are_an_error_that_names_both(meshclient_command: Command, tmp_path: Path) -> None:
    install(tmp_path, "meshclient-double", "file = meshclient.discovery.file:FileResolver")
    ran = meshclient_command("plugins", "-o", "jsonl")
    claims = [line for line in ran.lines if line["name"] == "file"]
    assert ran.code == 5
    assert [line["loads"] for line in claims] == [False, False]
    assert all("claimed by meshclient and meshclient-double" in line["error"] for line in claims)


def test_a_plugin_may_bring_a_command(meshclient_command: Command, tmp_path: Path) -> None:
    install(tmp_path, "meshclient-acme", "acme = acme_command:acme", "meshclient.commands")
    (tmp_path / "acme_command.py").write_text(
        'import click\n\n@click.command()\n@click.argument("what")\ndef acme(what):\n    print(f"acme {what}")\n',
        "utf-8",
    )
    assert meshclient_command("acme", "table").out == "acme table\n"
    assert "Brought by meshclient-acme." in meshclient_command("--help").out
    ran = meshclient_command("acne")
    assert (ran.code, "did you mean 'acme'?" in ran.err) == (2, True)
