"""The page of all findings is what the command says, and its example of a check of one's own works."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from cli.check_page import PAGE, page
from cli.ground import Ground, run
from meshclient.cli.checks.catalogue import CATEGORIES, KINDS


def test_the_page_tells_of_every_finding() -> None:
    if os.environ.get("MESHCLIENT_GOLDEN") == "write":
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(page(), "utf-8")
    assert PAGE.read_text("utf-8") == page(), "MESHCLIENT_GOLDEN=write renews it"


def test_ids_are_unique_and_stand_with_their_categories() -> None:
    assert len({kind.id for kind in KINDS}) == len(KINDS)
    firsts = {kind.category: kind.id[:3] for kind in KINDS}
    assert [firsts[category] for category in CATEGORIES] == [f"MC{number}" for number in range(1, 9)]
    for kind in KINDS:
        assert re.fullmatch(r"MC[1-8]\d\d", kind.id)
        assert kind.id[:3] == firsts[kind.category]
        assert not any(text.endswith(".") or text[0].isspace() for text in (kind.meaning, kind.why, kind.fix))


def example() -> str:
    # Not that of the file, which another process may be renewing.
    (code,) = re.findall(r"```python\n(.*?)```", page(), re.DOTALL)
    return str(code)


@pytest.mark.parametrize(("name", "level"), [("orders", "error"), ("vault", "ok")])
def test_the_check_on_the_page_takes_part(
    name: str, level: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ground = Ground.bare(tmp_path, monkeypatch)
    ground.install("acme-checks", f"vault = acme_mesh_{name}:VaultCheck", "meshclient.checks", module=example())
    ground.write(f'[services.{name}]\nendpoints = ["http://127.0.0.1:1"]\n')
    code = run("--only", "vault", "-o", "json")
    written = capsys.readouterr()
    assert code in {0, 1}, written.err
    document = json.loads(written.out)
    assert code == (level == "error")
    assert [(result["category"], result["level"]) for result in document["results"]] == [("vault", level)]
    assert run("--list", "-o", "name") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "ACME1"


def test_a_check_that_raises_is_a_finding_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ground = Ground.bare(tmp_path, monkeypatch)
    ill = example().replace('        if "vault"', '        raise OSError("the vault is out")\n        if "vault"')
    ground.install("acme-checks", "vault = acme_mesh_ill:VaultCheck", "meshclient.checks", module=ill)
    assert run("--fail-on", "warning", "--only", "plugins", "--only", "vault", "-o", "jsonl") == 1
    results = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [result["id"] for result in results if result["id"]] == ["MC208"]
    assert "the vault is out" in next(result["what"] for result in results if result["id"] == "MC208")
    assert [result["level"] for result in results if result["category"] == "vault"] == ["skipped"]
