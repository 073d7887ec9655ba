"""A token from a file that changes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from meshclient_consul.errors import ConsulError
from meshclient_consul.token import TokenSource

if TYPE_CHECKING:
    from pathlib import Path


def source(file: Path) -> TokenSource:
    return TokenSource(file=str(file), origin=f"token_file={file}")


def test_a_new_modification_time_is_enough(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("one\n")
    os.utime(file, ns=(1, 1))
    token = source(file)
    assert token.read() == "one"
    file.write_text("two\n")
    os.utime(file, ns=(2, 2))
    assert token.read() == "two"


def test_an_atomic_replacement_is_seen(tmp_path: Path) -> None:
    file, other = tmp_path / "token", tmp_path / "new"
    for path, text in ((file, "one"), (other, "two")):
        path.write_text(text)
        os.utime(path, ns=(1, 1))
    token = source(file)
    assert token.read() == "one"
    other.replace(file)
    assert token.read() == "two"


def test_an_unchanged_file_is_read_once_and_again_on_request(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("one")
    os.utime(file, ns=(1, 1))
    token = source(file)
    assert token.read() == "one"
    with file.open("r+") as same:
        same.write("two")
    os.utime(file, ns=(1, 1))
    assert token.read() == "one"
    assert token.reread() == "two"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"a b", "no Consul token"),
        (b"caf\xc3\xa9", "not ASCII"),
        (b"a\nb", "spaces"),
    ],
)
def test_what_is_no_token_is_not_sent(tmp_path: Path, content: bytes, problem: str) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(ConsulError, match=problem) as caught:
        source(file).read()
    assert str(file) in str(caught.value)


def test_a_bad_value_is_not_quoted() -> None:
    with pytest.raises(ConsulError) as caught:
        TokenSource("hun ter2", origin="the token of CONSUL_HTTP_TOKEN").read()
    assert "CONSUL_HTTP_TOKEN" in str(caught.value)
    assert "ter2" not in str(caught.value)


def test_scrub() -> None:
    token = TokenSource("hunter2")
    assert token.scrub("token hunter2 not found") == "token (token) not found"
    assert TokenSource().scrub("as it is") == "as it is"
