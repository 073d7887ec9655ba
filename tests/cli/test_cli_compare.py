"""``meshclient compare``: two registries side by side, and a code for each end."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.golden import assert_golden
from cli.here import Here
from cli.schemas import assert_valid

A = """\
[services.orders]
endpoints = [
    { host = "10.0.0.1", port = 8080, id = "one", zone = "a", tags = ["v1", "blue"], health = "passing" },
    { host = "10.0.0.2", port = 8080, id = "two", weight = 2, metadata = { version = 2, team = "shop" } },
    { host = "10.0.0.3", port = 8080 },
    { host = "10.0.0.4", port = 8080, id = "moved" },
    { host = "10.0.0.5", port = 8080 },
]
[services.users]
endpoints = ["http://u:1"]
[services.mails]
endpoints = ["http://m:1"]
"""
B = """\
[services.orders]
endpoints = [
    { host = "10.0.0.1", port = 8080, id = "uno", zone = "b", tags = ["blue", "v1"], health = "critical" },
    { host = "10.0.0.2", port = 8080, weight = 1, metadata = { version = 3 }, tags = ["v2"] },
    { host = "10.0.0.3", port = 8081 },
    { host = "10.0.9.4", port = 8080, id = "moved" },
    { host = "10.0.0.6", port = 8080 },
]
[services.users]
endpoints = ["http://u:1"]
"""


@pytest.fixture
def here(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Here:
    """The command in this process, in a folder with two registry files."""
    (tmp_path / "a.toml").write_text(A, "utf-8")
    (tmp_path / "b.toml").write_text(B, "utf-8")
    return Here(tmp_path, capsys, monkeypatch)


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "name"])
def test_the_forms(here: Here, form: str) -> None:
    ran = here("compare", "file://a.toml", "file://b.toml", "-o", form)
    assert (ran.code, ran.err) == (1, "")
    assert_golden(f"compare.{form}.txt", ran.out)
    if form == "json":
        assert_valid(ran.document)
    if form == "jsonl":
        list(map(assert_valid, ran.lines))


def test_what_differs_field_by_field(here: Here) -> None:
    document = here("compare", "file://a.toml", "file://b.toml", "orders", "-o", "json").document
    (orders,) = document["services"]
    assert [each["host"] for each in orders["only_in_a"]] == ["10.0.0.5"]
    assert [each["host"] for each in orders["only_in_b"]] == ["10.0.0.6"]
    found = {
        pair["a"]["host"]: {each["field"]: (each["a"], each["b"]) for each in pair["fields"]}
        for pair in orders["differing"]
    }
    assert found == {
        "10.0.0.1": {"zone": ("a", "b"), "health": ("passing", "critical")},
        "10.0.0.2": {
            "weight": (2, 1),
            "tags": ([], ["v2"]),
            "metadata.team": ("shop", None),
            "metadata.version": ("2", "3"),
        },
        "10.0.0.3": {"port": (8080, 8081)},
        "10.0.0.4": {"host": ("10.0.0.4", "10.0.9.4")},
    }


def test_several_at_one_address(here: Here) -> None:
    listed = "[services.orders]\nendpoints = [{}]\n"
    one, two, three = (f'{{ host = "h", port = 1, id = "{name}", weight = {name} }}' for name in "123")
    (here.folder / "a.toml").write_text(listed.format(f"{three}, {one}, {two}"), "utf-8")
    (here.folder / "b.toml").write_text(listed.format(f"{one}, {three}"), "utf-8")
    (here.folder / "c.toml").write_text(listed.format(f"{one}, {three}").replace('id = "', 'id = "other-'), "utf-8")
    (orders,) = here("compare", "file://a.toml", "file://b.toml", "-o", "json").document["services"]
    assert [each["id"] for each in orders["only_in_a"]] == ["2"]
    assert (orders["only_in_b"], orders["differing"], orders["same"]) == ([], [], 2)
    # Ids are a registry's own: the same list without any that both have.
    assert here("compare", "file://b.toml", "file://c.toml").code == 0


def test_fields_are_left_out(here: Here) -> None:
    (here.folder / "c.toml").write_text(
        A.replace("version = 2", "version = 9").replace('zone = "a"', 'zone = "c"'), "utf-8"
    )
    both = ("compare", "file://a.toml", "file://c.toml")
    assert here(*both).code == 1
    ran = here(*both, "--ignore", "zone", "--ignore", "metadata.version", "-o", "json")
    assert (ran.code, ran.document["result"], ran.document["ignored"]) == (0, "equal", ["zone", "metadata.version"])
    assert here(*both, "--ignore", "zone", "--ignore", "metadata").code == 0
    ran = here(*both, "--ignore", "zoen")
    assert (ran.code, "did you mean 'zone'?" in ran.err) == (2, True)


def test_equal(here: Here) -> None:
    ran = here("compare", "file://a.toml", "file://b.toml", "users", "-o", "json")
    assert (ran.code, ran.err, ran.document["result"]) == (0, "", "equal")


def test_a_side_that_cannot_tell(here: Here) -> None:
    ran = here("compare", "file://a.toml", "file://missing.toml", "orders", "users", "-o", "json")
    assert (ran.code, ran.document["result"]) == (5, "unavailable")
    assert_valid(ran.document)
    assert [each["cause_a"] for each in ran.document["services"]] == [None, None]
    assert "missing.toml cannot be read" in ran.document["services"][0]["cause_b"]
    assert ran.err.startswith("error: cannot compare: file://missing.toml cannot tell\n")
    assert "unavailable" in here("compare", "file://a.toml", "file://missing.toml", "orders").out


def test_a_service_that_nobody_has(here: Here) -> None:
    ran = here("compare", "file://a.toml", "file://b.toml", "ordres", "-o", "json")
    assert (ran.code, ran.document["result"]) == (3, "unknown")
    assert_valid(ran.document)
    assert "did you mean 'orders'?" in ran.err


def test_a_service_that_one_side_has(here: Here) -> None:
    ran = here("compare", "file://a.toml", "file://b.toml", "mails", "-o", "json")
    assert (ran.code, ran.document["services"][0]["result"]) == (1, "different")
    assert [each["host"] for each in ran.document["services"][0]["only_in_a"]] == ["m"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("dns://", "dns://"), "name the services: meshclient compare dns:// dns:// orders users"),
        (("static://a:1", "env://"), "neither registry lists any service"),
        (("file://a.toml",), "Missing argument 'B'"),
        (("file://a.toml", "nosuch://x"), "resolver scheme 'nosuch' is unknown"),
    ],
)
def test_slips(here: Here, words: tuple[str, ...], said: str) -> None:
    ran = here("compare", *words)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def test_one_side_that_cannot_list(here: Here) -> None:
    ran = here("compare", "file://a.toml", "srv://mesh.test?nameserver=127.0.0.1:1", "--timeout", "300ms")
    assert ran.code == 5
    assert "warning: not every registry can list its services" in ran.err
