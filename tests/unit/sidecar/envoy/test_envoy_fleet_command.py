"""What ``meshclient xds`` has an Envoy started with, and what it refuses to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from meshclient.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

WRITE = ("xds", "--listen", "xds.internal:18000", "--bootstrap")


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def cluster(said: str) -> dict[str, Any]:
    (found,) = json.loads(said)["static_resources"]["clusters"]
    return dict(found)


def test_without_files_it_speaks_plainly(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(WRITE) == 0
    assert "transport_socket" not in cluster(capsys.readouterr().out)


def test_with_an_authority_it_expects_the_host_that_it_asks(capsys: pytest.CaptureFixture[str]) -> None:
    assert main((*WRITE, "--tls-ca", "/mesh/ca.pem", "--tls-cert", "/mesh/envoy.pem", "--tls-key", "/mesh/key")) == 0
    socket = cluster(capsys.readouterr().out)["transport_socket"]["typed_config"]
    common = socket["common_tls_context"]
    assert socket["sni"] == "xds.internal"
    assert common["alpn_protocols"] == ["h2"]
    assert common["validation_context"] == {
        "trusted_ca": {"filename": "/mesh/ca.pem"},
        "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": "xds.internal"}}],
    }
    (shown,) = common["tls_certificates"]
    assert (shown["certificate_chain"], shown["private_key"]) == (
        {"filename": "/mesh/envoy.pem"},
        {"filename": "/mesh/key"},
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((*WRITE, "--tls-key", "/mesh/key"), "has no certificate"),
        (("xds", "--tls-ca", "/mesh/ca.pem"), "--cert and --key"),
    ],
)
def test_what_makes_no_sense_is_refused(words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert said in capsys.readouterr().err
