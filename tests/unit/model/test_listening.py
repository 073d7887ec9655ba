"""Addresses to listen at."""

from __future__ import annotations

import pytest

from meshclient.model.listening import Listening


@pytest.mark.parametrize(
    ("text", "expected", "loopback"),
    [
        ("127.0.0.1:7140", Listening("127.0.0.1", 7140), True),
        ("localhost:0", Listening("localhost", 0), True),
        ("[::1]:7140", Listening("::1", 7140), True),
        ("0.0.0.0:7143", Listening("0.0.0.0", 7143), False),
        (":7143", None, False),
        ("host.example:7143", Listening("host.example", 7143), False),
        ("unix:/run/a.sock", Listening(path="/run/a.sock"), True),
        ("unix:///run/a.sock", Listening(path="/run/a.sock"), True),
        ("unix:a.sock", Listening(path="a.sock"), True),
        ("::1:7140", None, False),
        ("127.0.0.1", None, False),
        ("http://127.0.0.1:7140", None, False),
        ("unix:/run/", None, False),
    ],
)
def test_texts_are_addresses_or_refused(text: str, expected: Listening | None, loopback: bool) -> None:
    if expected is None:
        with pytest.raises(ValueError, match="write"):
            Listening.parse(text)
        return
    parsed = Listening.parse(text)
    assert parsed == expected
    assert parsed.loopback is loopback
    assert Listening.parse(str(parsed)) == parsed
