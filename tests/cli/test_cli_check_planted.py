"""``meshclient check`` finds what is wrong, calls it by its id, and finds nothing where nothing is wrong."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from cli.ground import BOUND, Ground, prepared, run
from cli.planted import PLANTED, Plant
from cli.planting import Planting, consul_that
from cli.schemas import assert_valid
from cli.sound import WELL
from meshclient.cli.checks.catalogue import KINDS
from servers.backend import Backend
from servers.consul import Consul

LEVELS = {kind.id: str(kind.level) for kind in KINDS}
SECRETS = ("s3cret-token", "pass-word")


@pytest.fixture(scope="session")
def check_authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ground(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, check_authority: trustme.CA
) -> Iterator[Ground]:
    prepared(tmp_path, monkeypatch)
    made = Ground(tmp_path, monkeypatch, request.getfixturevalue, check_authority)
    yield made
    for each in made.listeners:
        each.stop()


@pytest.fixture
def no_opentelemetry_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where it was never installed: found by nobody who looks for it, and not there from before."""
    for name in [each for each in sys.modules if each.startswith("opentelemetry.sdk")]:
        monkeypatch.delitem(sys.modules, name)

    class Absent:
        def find_spec(self, name: str, path: object = None, target: object = None) -> None:
            if name.startswith("opentelemetry.sdk"):
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(sys, "meta_path", [Absent(), *sys.meta_path])
    importlib.invalidate_caches()


def checked(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any], str]:
    """The exit code, the document, and all that was written."""
    code = run("--timeout", f"{BOUND:g}s", *words, "-o", "json")
    captured = capsys.readouterr()
    document: dict[str, Any] = json.loads(captured.out)
    assert_valid(document)
    return code, document, captured.out + captured.err


def found(document: dict[str, Any]) -> list[str]:
    return [result["id"] for result in document["results"] if result["id"]]


@pytest.mark.parametrize("planted", PLANTED, ids=[each.id for each in PLANTED])
def test_what_is_planted_is_found_and_nothing_else(
    planted: Plant, ground: Ground, capsys: pytest.CaptureFixture[str]
) -> None:
    words = planted.plant(ground)
    code, document, written = checked(capsys, *words)
    assert set(found(document)) == {planted.id, *planted.beside}, json.dumps(document["results"], indent=1)
    worst = {LEVELS[each] for each in (planted.id, *planted.beside)}
    assert code == ("error" in worst)
    (first, *_) = [result for result in document["results"] if result["id"] == planted.id]
    assert all(first[key] for key in ("what", "why", "fix"))
    assert first["documentation"].endswith(f"checks.md#{planted.id.lower()}")
    assert not any(secret in written for secret in SECRETS)


def test_every_kind_is_planted_or_told_why_not() -> None:
    elsewhere = {
        "MC306",  # a registry that throttles: test_cli_check_decisions
        "MC610",  # whatever else OpenSSL may say: test_cli_check_decisions
    }
    assert {each.id for each in PLANTED} | elsewhere == {kind.id for kind in KINDS}
    assert len(PLANTED) >= 20


def test_nothing_is_found_where_all_is_well(
    ground: Ground, consul: Consul, shared_backends: tuple[Backend, Backend], capsys: pytest.CaptureFixture[str]
) -> None:
    for instance, backend in zip("ab", shared_backends, strict=True):
        consul.register("check-well", backend.port, instance=f"well-{instance}")
    port = ground.secure(ground.issued("check-safe"), clients=ground.authority)
    consul.register("check-safe", port, meta={"scheme": "https"})
    ground.authority.cert_pem.write_to_path(ground.folder / "ca.pem")
    files = ground.client_files(ground.issued("client"))
    ground.write(
        f'resolver = "consul://127.0.0.1:{consul.port}"\nstate_dir = "state"\n[services.check-well]\n'
        f'deadline = "2s"\n[services.check-safe.tls]\nca = "{ground.folder / "ca.pem"}"\n{files}\n'
    )
    code, document, written = checked(capsys)
    assert (code, found(document)) == (0, []), written
    assert document["counts"]["ok"] >= 9
    assert document["counts"]["skipped"] == 0
    assert not (ground.folder / "state").exists()
    code, document, _ = checked(capsys, "check-well", "--fail-on", "warning")
    assert (code, found(document), document["services"]) == (0, [], ["check-well"])


@pytest.mark.parametrize("planted", WELL.values(), ids=WELL)
def test_what_is_well_is_not_complained_of(
    planted: Planting, ground: Ground, capsys: pytest.CaptureFixture[str]
) -> None:
    words = planted(ground)
    code = run("-q", "--fail-on", "warning", "--timeout", f"{BOUND:g}s", *words, "-o", "name")
    assert (code, *capsys.readouterr()) == (0, "", "")


def test_every_request_says_whose_it_is(ground: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    consul_that(ground)
    assert run("-q", "--timeout", f"{BOUND:g}s", "-o", "name") == 0
    assert capsys.readouterr().out == ""
    (asked,) = (each for each in ground.listeners[-1].requests if each.startswith(b"HEAD "))
    assert b"\r\nUser-Agent: meshclient-check/" in asked


@pytest.fixture
def mesh_file(ground: Ground) -> str:
    ill = {"host": "127.0.0.1", "port": ground.good, "health": "critical"}
    deaf = {"host": "127.0.0.1", "port": ground.closed()}
    services = {"ill": {"endpoints": [ill]}, "udp": {"endpoints": [deaf]}}
    return f"file://{ground.write(json.dumps({'services': services}), 'mesh.json')}"


def test_what_only_a_registry_names_is_no_error(
    ground: Ground, mesh_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("-q", "--resolver", mesh_file, "-o", "json") == 0
    results = json.loads(capsys.readouterr().out)["results"]
    assert [(each["id"], each["level"]) for each in results if each["id"]] == [
        ("MC403", "warning"),
        ("MC501", "warning"),
    ]
    assert run("-q", "--resolver", mesh_file, "--fail-on", "warning", "-o", "name") == 1
    assert run("-q", "ill", "--resolver", mesh_file, "-o", "name") == 1
    # Where a migration leads to is nowhere that calls go yet.
    (ground.folder / "now.json").write_text('{"services": {}}', "utf-8")
    capsys.readouterr()
    assert run("-q", "--resolver", f"migrate(file://now.json, {mesh_file})", "-o", "name") == 0
    assert capsys.readouterr().out == ""
