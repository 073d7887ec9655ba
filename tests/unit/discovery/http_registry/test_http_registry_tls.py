"""PEM files and texts: what they come to, and which one is unusable."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from meshclient.discovery.http_registry.tls import TlsFiles
from meshclient.discovery.resolver import ResolverUri
from meshclient.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

VARIABLES = ("FOO_CA", "FOO_CERT", "FOO_KEY")
PROGRAM = """
import sys
from meshclient.discovery.http_registry.tls import TlsFiles
cert, key = sys.argv[1:]
for files in (
    TlsFiles(cert_file=cert, key_file=key),
    TlsFiles(cert_pem=open(cert).read(), key_pem=open(key).read(), origin="the text"),
):
    try:
        print(files.context("Foo", RuntimeError))
    except RuntimeError as exc:
        print(exc)
"""


class RegistryError(Exception):
    """That of a plugin."""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def pem(authority: trustme.CA, tmp_path: Path) -> Path:
    """A folder with ca.pem, cert.pem and key.pem."""
    issued = authority.issue_cert("me.example")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    issued.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    return tmp_path


def test_options_go_before_variables() -> None:
    environ = dict(zip(VARIABLES, ("ca", "cert", "key"), strict=True))
    assert TlsFiles.parse(ResolverUri.parse("foo://h"), environ, VARIABLES) == TlsFiles("ca", "cert", "key")
    assert TlsFiles.parse(ResolverUri.parse("foo://h?cert_file=x"), environ, VARIABLES) == TlsFiles("ca", "x", "key")
    assert TlsFiles.parse(ResolverUri.parse("foo://h?ca_file=x")) == TlsFiles("x")


def test_a_key_without_a_certificate_is_named() -> None:
    with pytest.raises(ConfigError, match=r"foo:// has a client key \(key_file\) and no certificate \(cert_file\)"):
        TlsFiles.parse(ResolverUri.parse("foo://h?key_file=k"))
    with pytest.raises(ConfigError, match=r"\(key_file, FOO_KEY\)"):
        TlsFiles.parse(ResolverUri.parse("foo://h"), {"FOO_KEY": "k"}, VARIABLES)


def test_the_authority_is_the_one_that_is_named(pem: Path) -> None:
    for files in (TlsFiles(str(pem / "ca.pem")), TlsFiles(ca_pem=(pem / "ca.pem").read_text())):
        context = files.context("Foo", RegistryError)
        assert len(context.get_ca_certs()) == 1
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_a_certificate_from_text_leaves_no_file(pem: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    certificate, key = (pem / "cert.pem").read_text(), (pem / "key.pem").read_text()
    files = TlsFiles(cert_pem=certificate, key_pem=key, origin="the text")
    files.context("Foo", RegistryError)
    assert key not in repr(files)
    with pytest.raises(RegistryError, match="the client certificate for Foo in the text is unusable"):
        TlsFiles(cert_pem=certificate, origin="the text").context("Foo", RegistryError)
    assert list(folder.iterdir()) == []


def test_what_is_unusable_is_named(pem: Path) -> None:
    empty, missing = pem / "empty.pem", pem / "missing.pem"
    empty.write_text("")
    for files, words in (
        (TlsFiles(str(missing)), f"the authority for Foo in ca_file={missing} is unusable: .*No such file"),
        (TlsFiles(str(empty)), f"the authority for Foo in ca_file={empty} is unusable"),
        (TlsFiles(ca_pem="x", origin="kubeconfig=f"), "the authority for Foo in kubeconfig=f is unusable"),
        (
            TlsFiles(cert_file=str(missing), key_file=str(empty)),
            f"the client certificate for Foo in cert_file={missing} and key_file={empty} is unusable: .*No such file",
        ),
    ):
        with pytest.raises(RegistryError, match=words):
            files.context("Foo", RegistryError)


def test_an_encrypted_key_is_an_error_and_no_question_at_the_terminal(pem: Path) -> None:
    """Without a terminal OpenSSL asks on the standard streams, where the right answer lies ready."""
    plain = serialization.load_pem_private_key((pem / "key.pem").read_bytes(), None)
    lock = serialization.BestAvailableEncryption(b"hunter2")
    encrypted = plain.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
    (pem / "key.pem").write_bytes(encrypted)
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(pem / "cert.pem"), str(pem / "key.pem")],
        input="hunter2\nhunter2\n",
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        start_new_session=True,
        env=environ,
    )
    assert run.stdout.count("is unusable") == 2, run.stdout
    assert "pass phrase" not in run.stderr
