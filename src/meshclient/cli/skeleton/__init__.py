"""What ``meshclient plugins new`` writes: the distribution of a resolver plugin that works as it is.

The files are texts with ``${...}`` in them; the plugin that they make passes the contract of resolvers, and is put to a
registry of its own, so that its author changes one thing at a time and sees what breaks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

from meshclient import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

# Not longer, so that no line of what is written is too long.
NAME = re.compile(r"(?=.{1,30}$)[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
# Where the skeleton's registry listens if nobody says otherwise; no registry is known to.
_PORT = 7000
_FILES = (
    ("pyproject.toml", "pyproject.toml"),
    ("README.md", "README.md"),
    ("CHANGELOG.md", "CHANGELOG.md"),
    (".gitignore", "gitignore"),
    ("src/{package}/__init__.py", "package.py"),
    ("src/{package}/errors.py", "errors.py"),
    ("src/{package}/options.py", "options.py"),
    ("src/{package}/py.typed", "py.typed"),
    ("src/{package}/resolver.py", "resolver.py"),
    ("tests/conftest.py", "test_conftest.py"),
    ("tests/registry.py", "test_registry.py"),
    ("tests/test_contract.py", "test_contract.py"),
    ("tests/test_resolver.py", "test_resolver.py"),
)
_WITH_REGISTRAR = (
    ("src/{package}/registrar.py", "registrar.py"),
    ("tests/test_registrar.py", "test_registrar.py"),
)


@dataclass(frozen=True, slots=True)
class Skeleton:
    """A plugin to be.

    Args:
        scheme: of its URIs, as `NAME` has it.
        registrar: whether it registers instances too.
    """

    scheme: str
    registrar: bool = False

    @property
    def distribution(self) -> str:
        """Its name among distributions, and of its folder."""
        return f"meshclient-{self.scheme}"

    @property
    def package(self) -> str:
        """What is imported."""
        return self.distribution.replace("-", "_")

    @property
    def prefix(self) -> str:
        """With what the names of its classes begin."""
        return "".join(word.capitalize() for word in self.scheme.split("-"))

    def files(self) -> Iterator[tuple[str, str]]:
        """Path and content of each file, in order."""
        words = {
            "distribution": self.distribution,
            "package": self.package,
            "port": str(_PORT),
            "prefix": self.prefix,
            "registrar_entry": "",
            "registrar_note": "",
            "scheme": self.scheme,
            "title": " ".join(word.capitalize() for word in self.scheme.split("-")),
            "version": __version__,
        }
        wanted = [*_FILES, *(_WITH_REGISTRAR if self.registrar else ())]
        if self.registrar:
            entry = f'{self.scheme} = "{self.package}:{self.prefix}Registrar"'
            entry = f'\n[project.entry-points."meshclient.registrars"]\n{entry}\n'
            note = (
                "The registrar's `PUT`, `POST` and `DELETE` of `/services/<name>/<instance>` are of its making too.\n"
            )
            words |= {"registrar_entry": entry, "registrar_note": note}
        folder = files(__name__) / "files"
        for path, source in wanted:
            name = "package_registrar.py" if source == "package.py" and self.registrar else source
            text = (folder / f"{name}.txt").read_text(encoding="utf-8")
            yield path.format(package=self.package), Template(text).substitute(words)
