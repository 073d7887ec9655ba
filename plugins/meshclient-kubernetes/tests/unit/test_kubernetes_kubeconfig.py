"""What the current context of a kubeconfig comes to."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshclient.errors import ConfigError
from meshclient_kubernetes.kubeconfig import Kubeconfig, read_kubeconfig

PEM = base64.b64encode(b"a pem").decode()


def config(
    cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None, context: str = "here", **top: Any
) -> dict[str, Any]:
    return {
        "current-context": context,
        "contexts": [
            {"name": "other", "context": {"cluster": "none"}},
            {"name": "here", "context": {"cluster": "k", "user": "u", "namespace": "shop"}},
        ],
        "clusters": [{"name": "k", "cluster": {"server": "https://k:6443", **(cluster or {})}}],
        "users": [{"name": "u", "user": user or {}}],
        **top,
    }


def read(folder: Path, document: object) -> Kubeconfig:
    file = folder / "config"
    file.write_text(document if isinstance(document, str) else yaml.safe_dump(document))
    return read_kubeconfig(str(file), "kubeconfig")


def test_files_are_relative_to_the_config(tmp_path: Path) -> None:
    user = {"client-certificate": "c.pem", "client-key": "/keys/k.pem", "tokenFile": "token"}
    found = read(tmp_path, config({"certificate-authority": "ca.crt"}, user))
    (tmp_path / "token").write_text("one")
    assert (found.server, found.namespace, found.token.read()) == ("https://k:6443", "shop", "one")
    assert (found.tls.ca_file, found.tls.cert_file) == (str(tmp_path / "ca.crt"), str(tmp_path / "c.pem"))
    assert found.tls.key_file == "/keys/k.pem"


def test_data_stands_in_the_config(tmp_path: Path) -> None:
    user = {"client-certificate-data": PEM, "client-key-data": PEM, "token": "hunter2"}
    found = read(tmp_path, config({"certificate-authority-data": PEM}, user))
    assert (found.tls.ca_pem, found.tls.cert_pem, found.tls.key_pem) == ("a pem",) * 3
    assert found.token.read() == "hunter2"
    assert "hunter2" not in repr(found) + found.token.origin


def test_data_counts_before_files(tmp_path: Path) -> None:
    user = {"client-certificate": "c", "client-key": "k", "client-certificate-data": PEM, "client-key-data": PEM}
    tls = read(tmp_path, config({"certificate-authority": "ca", "certificate-authority-data": PEM}, user)).tls
    assert (tls.ca_file, tls.cert_file, tls.key_file) == ("", "", "")
    assert (tls.ca_pem, tls.cert_pem, tls.key_pem) == ("a pem",) * 3


def test_json_needs_no_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    assert read(tmp_path, json.dumps(config())).server == "https://k:6443"
    with pytest.raises(ConfigError, match="pip install pyyaml"):
        read(tmp_path, "current-context: here\n")


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (config(context=""), "has no current-context"),
        (config(context="gone"), "has no context 'gone'"),
        (config(context="other"), "has no cluster 'none'"),
        (config(users=[]), "has no user 'u'"),
        (config(contexts=3), "contexts is a number"),
        (config({"certificate-authority-data": "%"}), "certificate-authority-data is not base64"),
        (config({"insecure-skip-tls-verify": True}), "insecure-skip-tls-verify"),
        (config({"tls-server-name": "k.example"}), "says tls-server-name"),
        (config({"proxy-url": "http://me:hunter2@p"}), "says proxy-url"),
        (config(user={"as": "somebody-lesser"}), "says as,"),
        (config(user={"exec": {"command": "aws"}}), "logs in by exec"),
        (config(user={"auth-provider": {"name": "gcp"}}), "logs in by auth-provider"),
        (config(user={"username": "me", "password": "hunter2"}), "logs in by username"),
        ("users: [token: hunter2\n", "is not YAML (line"),
        ("just words", "the file is text"),
    ],
)
def test_what_is_wrong_is_named_and_no_secret_shown(tmp_path: Path, document: object, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, document)
    assert words in str(caught.value)
    assert "kubeconfig=" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_several_files_are_not_merged() -> None:
    with pytest.raises(ConfigError, match="several files"):
        read_kubeconfig("/a:/b", "KUBECONFIG")
