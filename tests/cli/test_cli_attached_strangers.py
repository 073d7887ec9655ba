"""Commands against what is no meshclient, does not answer, or goes in the middle."""

from __future__ import annotations

import os
import signal
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from meshclient.cli import attached
from meshclient.cli.main import main


@pytest.fixture(autouse=True)
def nothing_configured(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    for name in [name for name in os.environ if name.startswith("MESHCLIENT_ADMIN")]:
        monkeypatch.delenv(name)
    yield
    signal.signal(signal.SIGTERM, before)


@contextmanager
def answering(sent: bytes | None, *, reset: bool = False) -> Iterator[str]:
    """The address of a server that sends this to whoever comes; None for nothing. Where `reset`, it crashes then."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        connection.recv(65536)
                        connection.sendall(sent or b"")
                        if reset:
                            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        if sent is not None:
            threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "it answers 200, in a form that no meshclient uses"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "it answers 200, in a form that no meshclient uses"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "it answers 404, in a form that no meshclient uses"),
        (b"220 mail ESMTP\r\n\r\n", "what it sends is not HTTP"),
    ],
)
def test_what_is_no_meshclient_is_told_apart(sent: bytes, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(sent) as address:
        assert main(["stats", "--admin", address]) == 2
    text = capsys.readouterr().err
    assert f"what listens at {address} is not the administration of a meshclient\n  why: {said}\n  fix: " in text


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\n"])
def test_who_goes_without_an_answer_is_no_stranger(sent: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(sent) as address:
        assert main(["stats", "--admin", address]) == 9
    assert (
        f"{address} does not answer\n  why: it closed the connection without an HTTP answer" in capsys.readouterr().err
    )


def test_a_process_that_breaks_off_has_ended(capsys: pytest.CaptureFixture[str]) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: so far\n\n"
    with answering(head, reset=True) as address:
        assert main(["tap", "--admin", address]) == 9
    assert f"the process at {address} has ended" in capsys.readouterr().err


def test_who_does_not_answer_is_not_waited_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attached, "PATIENCE", 0.1)
    with answering(None) as address:
        assert main(["stats", "--admin", address]) == 6
    assert "it takes connections and did not answer within 100ms" in capsys.readouterr().err
