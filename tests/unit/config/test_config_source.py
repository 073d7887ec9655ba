"""Which file is read, and what is said about one that cannot be."""

import errno
import os
import re
from pathlib import Path

import pytest

from meshclient.config.source import Document, read_source
from meshclient.errors import ConfigError


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    (tmp_path / "repo" / "app" / "deep").mkdir(parents=True)
    return tmp_path / "repo"


def found(cwd: Path, *, path: str | None = None, variable: str = "", search: bool = True) -> Document:
    return read_source(path, {"MESHCLIENT_CONFIG": variable}, cwd, search=search)


def write(path: Path, resolver: str, table: str = "") -> None:
    path.write_text(f"{table}\nresolver = '{resolver}'\n", "utf-8")


def test_the_search_goes_up_to_the_root_of_the_checkout(checkout: Path) -> None:
    deep = checkout / "app" / "deep"
    write(checkout.parent / "meshclient.toml", "outside://")
    assert found(deep) == Document()
    write(checkout / "meshclient.toml", "root://")
    assert found(deep).tables == {"resolver": "root://"}
    write(checkout / "app" / "meshclient.toml", "app://")
    assert found(deep).tables == {"resolver": "app://"}
    write(deep / "meshclient.toml", "deep://")
    assert found(deep) == Document(deep / "meshclient.toml", "meshclient.toml", {"resolver": "deep://"})


def test_outside_a_checkout_the_search_stays_in_the_working_directory(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    write(tmp_path / "meshclient.toml", "above://")
    assert found(tmp_path / "app") == Document()
    assert found(tmp_path).tables == {"resolver": "above://"}


def test_nothing_is_searched_unless_asked(checkout: Path) -> None:
    write(checkout / "meshclient.toml", "root://")
    assert found(checkout, search=False) == Document()


def test_the_project_file_counts_where_it_has_our_table(checkout: Path) -> None:
    app = checkout / "app"
    write(checkout / "meshclient.toml", "root://")
    write(app / "pyproject.toml", "", "[tool.other]")
    assert found(app).tables == {"resolver": "root://"}
    write(app / "pyproject.toml", "project://", "[tool.meshclient]")
    assert found(app) == Document(
        app / "pyproject.toml", "pyproject.toml [tool.meshclient]", {"resolver": "project://"}
    )
    write(app / "meshclient.toml", "own://")
    assert found(app).tables == {"resolver": "own://"}


def test_a_path_comes_before_the_variable_and_the_variable_before_the_search(checkout: Path) -> None:
    for name in ("meshclient", "given", "variable"):
        write(checkout / f"{name}.toml", f"{name}://")
    assert found(checkout, path="given.toml", variable="variable.toml").tables == {"resolver": "given://"}
    assert found(checkout, variable="variable.toml").tables == {"resolver": "variable://"}
    assert found(checkout, variable="variable.toml", search=False).tables == {"resolver": "variable://"}
    assert found(checkout, variable=" ").tables == {"resolver": "meshclient://"}


def test_a_file_elsewhere_is_shown_with_its_whole_path(checkout: Path) -> None:
    write(checkout / "x.toml", "x://")
    assert found(checkout / "app", path="../x.toml").label.endswith("x.toml")
    assert found(checkout / "app", path=str(checkout / "x.toml")).label == str(checkout / "x.toml")


def refusal(cwd: Path, *, path: str | None = None, variable: str = "") -> str:
    with pytest.raises(ConfigError) as caught:
        found(cwd, path=path, variable=variable)
    return str(caught.value)


def test_a_missing_file_says_who_asked_for_it(tmp_path: Path) -> None:
    assert refusal(tmp_path, path="x.toml") == "x.toml is not there: create it, or correct the path that was given"
    assert refusal(tmp_path, variable="y.toml") == "y.toml is not there: create it, or correct MESHCLIENT_CONFIG"
    (tmp_path / "x.toml").touch()
    assert refusal(tmp_path, path="x.toml/z").startswith("x.toml/z is not there")


def test_a_project_file_that_was_asked_for_must_have_our_table(tmp_path: Path) -> None:
    assert refusal(tmp_path, path="pyproject.toml").startswith("pyproject.toml is not there: ")
    write(tmp_path / "pyproject.toml", "", "[tool.other]")
    assert refusal(tmp_path, path="pyproject.toml") == (
        "pyproject.toml has no [tool.meshclient] table: create it, or correct the path that was given"
    )


@pytest.mark.parametrize("name", ["meshclient.toml", "pyproject.toml"])
def test_bad_toml_is_told_with_line_and_column(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("[defaults]\ndeadline = 2s\n", "utf-8")
    assert re.fullmatch(rf"{name} is not valid TOML: .*\(at line 2, column 13\)", refusal(tmp_path))
    (tmp_path / name).write_text("[defaults]\ndeadline = soon\n", "utf-8")
    assert refusal(tmp_path) == (
        f"{name} is not valid TOML: Invalid value, such as a text without quotes (at line 2, column 12)"
    )


def test_a_file_nested_beyond_reason_is_not_valid(tmp_path: Path) -> None:
    (tmp_path / "meshclient.toml").write_text("x = " + "[" * 5000, "utf-8")
    assert refusal(tmp_path).startswith("meshclient.toml is not valid TOML: ")


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "meshclient.toml").write_bytes(b"resolver = '\xff'")
    assert refusal(tmp_path).startswith("meshclient.toml is not a text file in UTF-8: 'utf-8' codec")


def test_a_byte_order_mark_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "meshclient.toml").write_bytes(b"\xef\xbb\xbfresolver = 'a://'")
    assert found(tmp_path).tables == {"resolver": "a://"}


def test_a_folder_and_an_impossible_name_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, path=".") == f". cannot be read: {os.strerror(errno.EISDIR)}"
    assert "x\0" in refusal(tmp_path, path="x\0")


def test_a_working_directory_that_cannot_be_entered_is_refused() -> None:
    with pytest.raises(ConfigError, match=f"cannot be read: {os.strerror(errno.ENAMETOOLONG)}$"):
        found(Path("/", "x" * 300))
