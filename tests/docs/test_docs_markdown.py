"""What is read out of a page, and what counts as the same output."""

from __future__ import annotations

import pytest

from docs.comparison import matches
from docs.markdown import Command, blocks
from docs.world import World, world

PAGE = """\
# Title

```python
# shop.py
x = 1
```

<!-- not run: needs a cluster -->

```console
$ one \\
    --more
out
$ two
```

- in a list

  ~~~text
  shown
  ~~~

<!-- setup: python
y = 2
-->
<!-- environment: A=1 B=2 -->
<!-- an ordinary remark -->
```json
{}
```
"""


def test_blocks_come_in_order_with_their_lines_and_directives() -> None:
    found = [(block.line, block.language, block.directive, block.words) for block in blocks(PAGE)]
    assert found == [
        (4, "python", "", ""),
        (11, "console", "not run", "needs a cluster"),
        (20, "text", "", ""),
        (24, "python", "setup", ""),
        (26, "", "environment", "A=1 B=2"),
        (29, "json", "", ""),
    ]
    assert [block.text for block in blocks(PAGE)][2:4] == ["shown", "y = 2"]


def test_a_first_line_names_the_file() -> None:
    assert blocks(PAGE)[0].file == "shop.py"
    assert blocks("```toml\n# meshclient.toml, read by all\n```")[0].file == "meshclient.toml"
    assert blocks("```python\n# not a file\n```")[0].file == ""


def test_commands_have_their_output() -> None:
    assert blocks(PAGE)[1].commands == (
        Command(11, "one \\\n    --more", "out"),
        Command(14, "two", ""),
    )


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("took 12ms", "took 1.4s"),
        ("a   b", "a b"),
        ("a ... d", "a b\nc d"),
        ('{"id": 1, ...}', '{"id": 1, "lines": []}'),
        ('"age_seconds": 0.5', '"age_seconds": 12.25'),
        ("at 2026-01-01T00:00:00Z", "at 2026-11-21T23:48:47.512Z"),
        ("", "  \n"),
    ],
)
def test_what_no_reader_calls_a_difference(shown: str, printed: str) -> None:
    assert matches(shown, printed)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [("took 12ms", "took long"), ("a ... d", "a b c"), ("a", "a b"), ("200", "404"), ("", "warning: x")],
)
def test_what_is_a_difference(shown: str, printed: str) -> None:
    assert not matches(shown, printed)


def test_addresses_are_exchanged_both_ways() -> None:
    made = World({"127.0.0.1:8500": "127.0.0.1:4711", "8001": "4712"})
    assert made.inward("at 127.0.0.1:8500, 8001 and 18001") == "at 127.0.0.1:4711, 4712 and 18001"
    assert made.outward("at 127.0.0.1:4711, 4712") == "at 127.0.0.1:8500, 8001"


def test_only_named_servers_are_started() -> None:
    def never() -> str:
        raise AssertionError

    made = world("http://127.0.0.1:8080/ and port 8001", {"127.0.0.1:8080": lambda: "127.0.0.1:1", "x:8500": never})
    assert set(made.real) == {"127.0.0.1:8080", "8001"}
