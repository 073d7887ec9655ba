"""Contexts follow their files; what is half written changes nothing."""

from __future__ import annotations

import logging
import os
import shutil
import ssl
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import certifi
import pytest
import trustme

from meshclient.engine.tls import TlsContexts
from meshclient.engine.tls_settings import TlsSettings, TlsUnusable
from meshclient.model.outcome import Kind
from meshclient.testing.clock import ManualClock
from unit.engine.tlspeers import Files, ask, authority_file, serving, tls_server
from unit.http.rawserver import OK

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def files(authority: trustme.CA, tmp_path: Path) -> Files:
    return Files.write(tmp_path, authority.issue_cert("client"))


@pytest.fixture
def restore(authority: trustme.CA, tmp_path: Path) -> Callable[[], object]:
    return lambda: Files.write(tmp_path, authority.issue_cert("client"))


@pytest.fixture
def settings(authority: trustme.CA, files: Files, tmp_path: Path) -> TlsSettings:
    return TlsSettings(ca=authority_file(tmp_path, authority), cert=files.cert, key=files.key)


@pytest.fixture
def contexts(settings: TlsSettings, clock: ManualClock) -> TlsContexts:
    return TlsContexts(settings, "service 'orders'", clock=clock)


def test_a_context_verifies_and_speaks_no_old_version(contexts: TlsContexts) -> None:
    context = contexts.context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.verify_flags & ssl.create_default_context().verify_flags == ssl.create_default_context().verify_flags


def test_http_1_1_is_offered(authority: trustme.CA, contexts: TlsContexts) -> None:
    server_side = serving(authority.issue_cert("orders"))
    server_side.set_alpn_protocols(["h2", "http/1.1"])
    with tls_server(server_side) as server:
        assert ask("blocking", contexts, server, "orders").alpn == "http/1.1"


def test_without_changes_there_is_one_context(contexts: TlsContexts, clock: ManualClock) -> None:
    first = contexts.context()
    clock.advance(10)
    assert contexts.context() is first


def test_threads_that_come_first_at_once_share_one_context() -> None:
    contexts, barrier = TlsContexts(TlsSettings(trust_env=False)), threading.Barrier(8)
    made: list[ssl.SSLContext] = []

    def first() -> None:
        barrier.wait(10)
        made.append(contexts.context())

    threads = [threading.Thread(target=first) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(made) == 8
    assert len(set(map(id, made))) == 1


def test_a_changed_certificate_makes_a_new_context_once_a_second_is_over(
    authority: trustme.CA, contexts: TlsContexts, clock: ManualClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "meshclient")
    first = contexts.context()
    Files.write(tmp_path, authority.issue_cert("client"))
    clock.advance(0.9)
    assert contexts.context() is first
    clock.advance(0.2)
    second = contexts.context()
    assert second is not first
    clock.advance(5)
    assert contexts.context() is second
    assert caplog.messages == ["service 'orders': the files of tls have changed, new connections use them"]


def test_a_file_that_is_replaced_by_one_of_the_same_size_and_time_is_seen(
    contexts: TlsContexts, clock: ManualClock, files: Files, tmp_path: Path
) -> None:
    first = contexts.context()
    before, copy = Path(files.cert).stat(), tmp_path / "copy"
    copy.write_bytes(Path(files.cert).read_bytes())
    os.utime(copy, ns=(before.st_atime_ns, before.st_mtime_ns))
    copy.replace(files.cert)
    clock.advance(1)
    assert contexts.context() is not first


def _half(files: Files) -> None:
    text = Path(files.cert).read_text()
    Path(files.cert).write_text(text[: len(text) // 2])


def _gone(files: Files) -> None:
    Path(files.key).unlink()


def _foreign_key(files: Files) -> None:
    trustme.CA().issue_cert("x").private_key_pem.write_to_path(files.key)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_half, "not PEM as it should be, or its key has a password"),
        (_gone, "client.key is not there"),
        (_foreign_key, "the key is that of another certificate"),
    ],
)
def test_what_cannot_be_used_changes_nothing_and_is_said_once(  # noqa: PLR0917 - fixtures
    contexts: TlsContexts,
    clock: ManualClock,
    files: Files,
    restore: Callable[[], object],
    caplog: pytest.LogCaptureFixture,
    spoil: Callable[[Files], None],
    words: str,
) -> None:
    first = contexts.context()
    spoil(files)
    for _ in range(3):
        clock.advance(1)
        assert contexts.context() is first
    [message] = caplog.messages
    assert message.startswith(f"service 'orders': tls.cert {files.cert} with tls.key {files.key} cannot be used: ")
    assert message.endswith("; what was there before stays in use")
    assert words in message
    restore()
    clock.advance(1)
    assert contexts.context() is not first


@pytest.mark.parametrize("spoil", [_half, _gone, _foreign_key])
def test_what_cannot_be_used_at_first_is_an_error_of_ours_until_it_can(
    contexts: TlsContexts, files: Files, restore: Callable[[], object], spoil: Callable[[Files], None]
) -> None:
    spoil(files)
    with pytest.raises(TlsUnusable, match=r"^service 'orders': tls.cert .*client.pem with tls.key .* cannot be used: "):
        contexts.context()
    assert TlsUnusable.kind is Kind.LOCAL_ERROR
    restore()
    assert contexts.context().check_hostname


@pytest.mark.parametrize(
    ("text", "words"), [(None, "ca.pem is not there"), ("", "not PEM as it should be"), ("\0", "not PEM")]
)
def test_an_authority_that_cannot_be_used_is_named(tmp_path: Path, text: str | None, words: str) -> None:
    path = tmp_path / "ca.pem"
    if text is not None:
        path.write_text(text)
    with pytest.raises(TlsUnusable, match=rf"tls.ca .*ca.pem cannot be used: .*{words}"):
        TlsContexts(TlsSettings(ca=str(path))).context()


def test_a_changed_authority_is_followed(authority: trustme.CA, tmp_path: Path, clock: ManualClock) -> None:
    contexts = TlsContexts(TlsSettings(ca=authority_file(tmp_path, trustme.CA())), clock=clock)
    with tls_server(serving(authority.issue_cert("orders"))) as server:
        with pytest.raises(ssl.SSLCertVerificationError):
            ask("blocking", contexts, server, "orders")
        authority_file(tmp_path, authority)
        clock.advance(1)
        assert ask("blocking", contexts, server, "orders").data == OK


@pytest.mark.skipif(not shutil.which("openssl"), reason="names files as OpenSSL does")
def test_a_folder_of_authorities_is_used(authority: trustme.CA, tmp_path: Path) -> None:
    # The name that `openssl rehash` gives: the hash of the subject, which OpenSSL is asked for.
    path = Path(authority_file(tmp_path, authority))
    done = subprocess.run(
        ["openssl", "x509", "-noout", "-subject_hash", "-in", str(path)], capture_output=True, text=True, check=True
    )
    folder = tmp_path / "folder"
    folder.mkdir()
    path.rename(folder / f"{done.stdout.strip()}.0")
    with tls_server(serving(authority.issue_cert("orders"))) as server:
        for named in (str(folder), f"{tmp_path / 'nowhere'}{os.pathsep}{folder}"):
            assert ask("blocking", TlsContexts(TlsSettings(ca=named)), server, "orders").data == OK


def test_without_an_authority_those_of_httpx_are_trusted(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    assert TlsSettings().authorities == certifi.where()
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert TlsSettings().authorities == str(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", authority_file(tmp_path, authority))
    assert TlsSettings().authorities == str(tmp_path / "ca.pem")
    assert TlsSettings(ca="own.pem").authorities == "own.pem"
    assert TlsSettings(trust_env=False).authorities == certifi.where()
    with tls_server(serving(authority.issue_cert("orders"))) as server:
        assert ask("blocking", TlsContexts(TlsSettings()), server, "orders").data == OK


def test_a_key_with_a_password_needs_it(authority: trustme.CA, settings: TlsSettings, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    issued = authority.issue_cert("client")
    key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
    files = Files.write(tmp_path, issued)
    Path(files.key).write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"hidden"),
        )
    )
    with pytest.raises(TlsUnusable, match="its key has a password"):
        TlsContexts(settings).context()
    told = TlsSettings(settings.ca, settings.cert, settings.key, "hidden")
    assert TlsContexts(told).context().check_hostname
    assert "hidden" not in repr(told)


def test_what_is_not_verified_is_said_loudly_and_once(
    authority: trustme.CA, files: Files, clock: ManualClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = TlsSettings(verify=False, ca="/nowhere", cert=files.cert, key=files.key)
    contexts = TlsContexts(settings, "service 'orders'", clock=clock)
    with tls_server(serving(trustme.CA().issue_cert("else"))) as server:
        for _ in range(2):
            assert ask("blocking", contexts, server, "orders").data == OK
            Files.write(tmp_path, authority.issue_cert("client"))
            clock.advance(1)
    [message] = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert message.startswith("service 'orders': tls.verify is false: whoever stands between")


def test_endpoints_have_equal_tls_where_they_are_the_same(contexts: TlsContexts, settings: TlsSettings) -> None:
    assert contexts.at("a:1") == contexts.at("a:1")
    assert hash(contexts.at("a:1")) == hash(contexts.at("a:1"))
    assert contexts.at("a:1") != contexts.at("b:1")
    assert contexts.at("a:1") != TlsContexts(settings).at("a:1")
    assert contexts.at("a:1").context().minimum_version is ssl.TLSVersion.TLSv1_2
