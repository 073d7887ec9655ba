"""The page of all findings, as ``docs/reference/checks.md`` has to be: made of what the command itself says."""

from __future__ import annotations

from pathlib import Path

from meshclient.cli.checks.catalogue import CATEGORIES, KINDS
from meshclient.cli.checks.finding import Kind

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "checks.md"

_HEAD = """\
# What `meshclient check` finds

<!-- Generated from src/meshclient/cli/checks; MESHCLIENT_GOLDEN=write pytest tests/cli/test_cli_check_page.py -->

`meshclient check [NAME...]` looks at the configuration, its plugins and registries, the services and their endpoints,
and says of everything that is wrong what it is, what it does to calls and how to mend it. Without names it looks at the
services of the configuration; where that has none, at those that the registries list.

Nothing is changed anywhere. Each registry is asked once for each service. Each endpoint that calls would go to gets one
connection and one `HEAD` request, of `/` or of the path in `health.path`, and no request where `health.tcp` is set,
where HTTP/2 is agreed on, or where nobody but the registry names the service; a second connection is made where the
first one fails without a reason. In the logs of servers these requests are those of the user agent `meshclient-check`,
and whatever a server answers to them will do, a 404 or a 405 as well.

| option | what it does |
|---|---|
| `--only WORD`, `--skip WORD` | tells of these categories and ids alone, or not of them; repeatable |
| `--fail-on warning` | the exit code is 1 for warnings too, and not for errors alone |
| `--wait 30s` | looks again each second until nothing fails, this long at most |
| `--timeout 5s` | how long one look may take: a question, a connection, an answer |
| `--list` | tells all that can be found, and looks at nothing |
| `-o json`, `-o jsonl`, `-o name` | the results as a document, as lines, or the ids of what was found |

The exit code is 0 where nothing fails, 1 where something does, and 2 for a wrong command line. What is wrong with a
configuration is a finding, so that its exit code is 1 too.

A finding keeps its id for ever. An **error** stands in the way of calls, a **warning** costs something or will, and
**info** is worth knowing. What is wrong with a service that only a registry names, and nobody here, is a warning at
most: name it to have its errors count.
"""
_PLUGINS = """\
## Checks of your own

A distribution brings a category of its own by an entry point in the group `meshclient.checks`. Its value is an object,
or a callable that makes one, with `category`, `kinds` and an asynchronous method `look`:

```toml
[project.entry-points."meshclient.checks"]
vault = "acme_mesh:VaultCheck"
```

```python
from meshclient.cli.checks.finding import Kind, Known, Level, Outcome, Passed

SEALED = Kind("ACME1", "vault", Level.ERROR, "the vault is sealed", "no secret can be read", "unseal it")


class VaultCheck:
    category = "vault"
    kinds = (SEALED,)

    async def look(self, known: Known) -> list[Outcome]:
        if "vault" in known.lists:
            return [Passed("vault", "the vault is open")]
        return [SEALED.found("nobody lists the vault", subject="vault")]
```

`known` has the configuration, the lists of the services that were asked for, and the seconds that one look may take.
All checks that are installed take part; one that raises is [MC208](#mc208), and the others go on.
"""


def page() -> str:
    """The whole page."""
    parts = [_HEAD]
    for category in CATEGORIES:
        parts.append(f"## {category}\n")
        parts += [_kind(kind) for kind in KINDS if kind.category == category]
    return "\n".join([*parts, _PLUGINS])


def _kind(kind: Kind) -> str:
    return (
        f"### {kind.id}\n\n**{kind.level}**: {kind.meaning}.\n\n"
        f"- What it does: {kind.why}.\n- What to do: {kind.fix}.\n"
    )
