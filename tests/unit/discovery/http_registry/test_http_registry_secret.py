"""A secret from a value or from a file that changes, and never shown."""

from __future__ import annotations

import os
from base64 import b64encode
from typing import TYPE_CHECKING

import pytest

from meshclient.discovery.http_registry.secret import Password, Token

if TYPE_CHECKING:
    from pathlib import Path


class RegistryError(Exception):
    """That of a plugin."""


def token(file: Path) -> Token:
    return Token("Foo", file=str(file), origin=f"token_file={file}", error=RegistryError)


def test_values() -> None:
    given, none = Token("Foo", "a", origin="the option token", error=RegistryError), Token("Foo", error=RegistryError)
    assert (given.read(), given.reread(), given.given, given.origin) == ("a", "a", True, "the option token")
    assert (none.read(), none.reread(), none.given, none.origin) == ("", "", False, "no token")
    assert Password("Foo", " pass wörd ", error=RegistryError).read() == " pass wörd "
    assert Password("Foo", error=RegistryError).origin == "no password"


def test_a_file_counts_as_given_before_it_is_read(tmp_path: Path) -> None:
    assert token(tmp_path / "gone").given


def test_the_white_space_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(" one \r\n")
    assert token(tmp_path / "secret").read() == "one"
    assert Password("Foo", file=str(tmp_path / "secret"), error=RegistryError).read() == " one "


def test_a_new_modification_time_is_enough(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("one\n")
    os.utime(file, ns=(1, 1))
    subject = token(file)
    assert subject.read() == "one"
    file.write_text("two\n")
    os.utime(file, ns=(2, 2))
    assert subject.read() == "two"


def test_an_atomic_replacement_is_seen(tmp_path: Path) -> None:
    file, other = tmp_path / "token", tmp_path / "new"
    for path, text in ((file, "one"), (other, "two")):
        path.write_text(text)
        os.utime(path, ns=(1, 1))
    subject = token(file)
    assert subject.read() == "one"
    other.replace(file)
    assert subject.read() == "two"


def test_an_unchanged_file_is_read_once_and_again_on_request(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("one")
    os.utime(file, ns=(1, 1))
    subject = token(file)
    assert subject.read() == "one"
    with file.open("r+") as same:
        same.write("two")
    os.utime(file, ns=(1, 1))
    assert subject.read() == "one"
    assert subject.reread() == "two"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, r"the token for Foo cannot be read from token_file=.*: No such file"),
        (b"", "cannot be read from token_file=.*: the file is empty"),
        (b" \n", "the file is empty"),
        (b"a b", "the token for Foo cannot be sent: token_file=.* holds spaces or characters outside ASCII"),
        (b"a\nb", "holds spaces"),
        (b"caf\xc3\xa9", "outside ASCII"),
        (b"\xff\xfe", "it is not UTF-8 text"),
    ],
)
def test_what_is_no_token_is_not_sent(tmp_path: Path, content: bytes | None, problem: str) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(RegistryError, match=problem) as caught:
        token(file).read()
    assert "a b" not in str(caught.value)


def test_a_bad_value_is_not_quoted() -> None:
    with pytest.raises(RegistryError) as caught:
        Token("Foo", "hun ter2", origin="the token of FOO_TOKEN", error=RegistryError).read()
    assert "the token of FOO_TOKEN" in str(caught.value)
    assert "ter2" not in str(caught.value)


def test_scrub(tmp_path: Path) -> None:
    def encoded(secret: str) -> str:
        return b64encode(f"me:{secret}".encode()).decode()

    value = Password("Foo", "hunter2", error=RegistryError)
    assert value.scrub("hunter2 is not known") == "(password) is not known"
    assert value.scrub(f"Basic {encoded('hunter2')}, hunter2", encoded) == "Basic (password), (password)"
    assert Token("Foo", error=RegistryError).scrub("as it is") == "as it is"
    (tmp_path / "token").write_text("hunter2")
    file = token(tmp_path / "token")
    file.read()
    assert file.scrub("hunter2 is not known") == "(token) is not known"
