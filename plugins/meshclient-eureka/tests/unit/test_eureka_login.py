"""The password: from a value or a file, read again when it changes, and never shown."""

from __future__ import annotations

import os
from base64 import b64decode
from typing import TYPE_CHECKING

import pytest

from meshclient_eureka.errors import EurekaError
from meshclient_eureka.login import Login

if TYPE_CHECKING:
    from pathlib import Path


def decoded(header: str) -> str:
    kind, _, value = header.partition(" ")
    assert kind == "Basic"
    return b64decode(value).decode()


def test_a_value() -> None:
    login = Login("me", "hünter:2")
    assert decoded(login.header()) == "me:hünter:2"
    assert login.scrub("it was hünter:2!") == "it was (password)!"
    assert login.scrub(f"sent was {login.header()}") == "sent was Basic (password)"
    assert "hünter" not in login.words
    assert Login().header() == ""
    assert Login().scrub("as it is") == "as it is"


def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("first\n")
    login = Login("me", file=str(file))
    assert decoded(login.header()) == "me:first"
    file.write_text("second one\r\n")
    assert decoded(login.header()) == "me:second one"
    assert str(file) in login.words


def test_reread_does_not_trust_the_modification_time(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("aaaa")
    login = Login("me", file=str(file))
    login.header()
    status = file.stat()
    with file.open("r+") as same:
        same.write("bbbb")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert decoded(login.header()) == "me:aaaa"
    assert decoded(login.reread()) == "me:bbbb"


@pytest.mark.parametrize(
    ("content", "problem"), [(None, "No such file"), (b"\n", "is empty"), (b"\xff\xfe", "not UTF-8")]
)
def test_a_file_that_holds_no_password(tmp_path: Path, content: bytes | None, problem: str) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(EurekaError, match=problem):
        Login("me", file=str(file)).header()
