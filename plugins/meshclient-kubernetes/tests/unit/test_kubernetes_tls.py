"""A client key that nobody can unlock."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization

if TYPE_CHECKING:
    from pathlib import Path

    from servers.kubernetes import TlsFiles

PROGRAM = """
import sys
from meshclient_kubernetes.errors import KubernetesError
from meshclient_kubernetes.tls import TlsMaterial, tls_context
cert, key = sys.argv[1:]
for material in (
    TlsMaterial(cert_file=cert, key_file=key),
    TlsMaterial(cert_pem=open(cert).read(), key_pem=open(key).read()),
):
    try:
        print(tls_context("https://k", material))
    except KubernetesError as exc:
        print(exc)
"""


def test_an_encrypted_key_is_an_error_and_no_question_at_the_terminal(kubernetes_tls: TlsFiles, tmp_path: Path) -> None:
    """Without a terminal OpenSSL asks on the standard streams, where the right answer lies ready."""
    plain = serialization.load_pem_private_key(kubernetes_tls.key.read_bytes(), None)
    lock = serialization.BestAvailableEncryption(b"hunter2")
    encrypted = plain.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
    (tmp_path / "key.pem").write_bytes(encrypted)
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(kubernetes_tls.certificate), str(tmp_path / "key.pem")],
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
