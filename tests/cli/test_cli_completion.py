"""``meshclient completion``: real shells source what it writes, and ask."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli.command import LIMIT, environment
from cli.golden import assert_golden
from cli.schemas import assert_valid
from meshclient.cli.main import COMMANDS, main

CONFIG = """
[services.orders]
endpoints = ["http://10.0.0.1:80"]
[services.offers]
endpoints = ["http://10.0.0.1:80"]
[services.users]
endpoints = ["http://10.0.0.1:80"]
"""
# As a shell does for whoever presses the tabulator: the words so far, and the last of them the one to complete.
BASH = """
source <(meshclient completion bash) || exit 1
while IFS= read -r line; do
    read -ra COMP_WORDS <<< "$line"
    [[ $line == *' ' ]] && COMP_WORDS+=('')
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=()
    _meshclient_completion meshclient
    echo "${COMPREPLY[*]}"
done
complete -p meshclient
"""
FISH = """
meshclient completion fish | source
while read -d '' line
    complete --do-complete "$line" | string replace -r '\\t.*' '' | string join ' '
end
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("completion")
    (folder / "meshclient.toml").write_text(CONFIG, "utf-8")
    program = folder / "bin" / "meshclient"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m meshclient "$@"\n', "utf-8")
    program.chmod(0o755)
    return folder


def asked(shell: str, script: str, folder: Path, stdin: str) -> list[str]:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    done = subprocess.run(
        [shell, *(["--norc"] if shell == "bash" else []), "-c", script],
        cwd=folder,
        env=environment({"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout.splitlines()


LINES = {
    "meshclient plug": "plugins",
    "meshclient resolve o": "offers orders",
    "meshclient plugins -o js": "json jsonl",
    "meshclient nonsense ": "",
}


def test_a_real_bash_completes(folder: Path) -> None:
    *replies, kept = asked("bash", BASH, folder, "".join(f"{line}\n" for line in LINES))
    assert dict(zip(LINES, replies, strict=True)) == LINES
    assert kept == "complete -o nosort -F _meshclient_completion meshclient"


def test_a_real_fish_completes(folder: Path) -> None:
    replies = asked("fish", FISH, folder, "".join(f"{line}\0" for line in LINES))
    assert dict(zip(LINES, replies, strict=True)) == LINES


def test_a_real_zsh_takes_the_script(folder: Path) -> None:
    script = "autoload -Uz compinit && compinit -D && source <(meshclient completion zsh) && print $_comps[meshclient]"
    assert asked("zsh", script, folder, "") == ["_meshclient_completion"]


def completed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str, shell: str = "bash"
) -> list[str]:
    words = line.split()
    monkeypatch.setenv("COMP_WORDS", line)
    fish = "" if line.endswith(" ") else words[-1]
    at = str(len(words) - (not line.endswith(" ")))
    monkeypatch.setenv("COMP_CWORD", fish if shell == "fish" else at)
    assert main(["completion", shell, "--complete"]) == 0
    return capsys.readouterr().out.split()


@pytest.mark.parametrize("shell", ["bash", "fish", "zsh"])
def test_every_shell_is_answered_in_its_way(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], shell: str
) -> None:
    monkeypatch.chdir(folder)
    names = completed(monkeypatch, capsys, "meshclient resolve o", shell)
    assert (
        names
        == {
            "bash": ["plain,offers", "plain,orders"],
            "fish": ["plain,offers", "plain,orders"],
            "zsh": ["plain", "offers", "_", "plain", "orders", "_"],
        }[shell]
    )


def test_every_command_is_offered_and_none_imported(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    found = completed(monkeypatch, capsys, "meshclient ")
    assert {f"plain,{name}" for name in COMMANDS} <= set(found)
    probe = (
        "import os, sys; os.environ.update(COMP_WORDS='meshclient re', COMP_CWORD='1');"
        "from meshclient.cli.main import main; main(['completion', 'bash', '--complete']);"
        "print({'rich', 'httpx', 'meshclient.cli.resolve'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=LIMIT, check=True)
    assert done.stdout.split() == ["plain,resolve", "plain,register", "set()"]


def test_values(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(folder)
    assert completed(monkeypatch, capsys, "meshclient resolve --resolver sr") == ["plain,srv://"]
    assert completed(monkeypatch, capsys, "meshclient resolve --config me") == ["file,me"]
    assert "plain,--all" in completed(monkeypatch, capsys, "meshclient resolve --")
    assert completed(monkeypatch, capsys, "meshclient call us") == ["plain,users/"]
    assert completed(monkeypatch, capsys, "meshclient plugins ") == ["plain,list", "plain,new"]
    assert completed(monkeypatch, capsys, "meshclient plugins new ") == []
    (folder / "other.toml").write_text('[services.elsewhere]\nendpoints = ["http://10.0.0.1:80"]\n', "utf-8")
    assert completed(monkeypatch, capsys, "meshclient --config other.toml resolve ") == ["plain,elsewhere"]
    assert completed(monkeypatch, capsys, "meshclient --config missing.toml resolve ") == []


@pytest.mark.parametrize("shell", ["bash", "fish", "zsh"])
def test_the_scripts(capsys: pytest.CaptureFixture[str], shell: str) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert_golden(f"completion.{shell}.txt", script)
    assert main(["completion", shell, "-o", "jsonl"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert_valid(document)
    assert document["script"] == script


def test_a_shell_that_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "tcsh"]) == 2
    assert "'bash', 'fish', 'zsh'" in capsys.readouterr().err
