"""Who may import whom, read from the syntax trees, so that it holds for imports inside functions as well.

import-linter checks the layers and follows chains of imports; this sees what it does not: plugins, which
are not among its packages, and a new plugin that its contract does not name yet.
"""

import pytest

from house.source import ROOT, Source, core, plugins, within

# Clock, randomness, I/O and logging are handed to a decision; it does not fetch them.
IMPURE = (
    "anyio",
    "asyncio",
    "httpx",
    "logging",
    "os",
    "random",
    "socket",
    "ssl",
    "threading",
    "time",
)

# What a plugin is promised to find unchanged within a major version.
PLUGIN_INTERFACE = (
    "meshclient.discovery.http_registry",
    "meshclient.discovery.resolver",
    "meshclient.errors",
    "meshclient.http.caching.shared",
    "meshclient.mesh.circuit_store",
    "meshclient.model",
    "meshclient.registration.registrar",
    "meshclient.testing",
)


def impure_imports(source: Source) -> list[str]:
    """What a pure module imports and must not."""
    return [f"{source.module}:{line} {name}" for name, line in source.imports() if within(name, *IMPURE)]


def private_imports(source: Source) -> list[str]:
    """What a plugin imports from the core distribution beside the interface."""
    return [
        f"{source.module}:{line} {name}"
        for name, line in source.imports()
        if within(name, "meshclient") and not within(name, *PLUGIN_INTERFACE)
    ]


def plugin_imports(source: Source) -> list[str]:
    """What the core distribution imports from a plugin."""
    return [
        f"{source.module}:{line} {name}"
        for name, line in source.imports()
        if name.partition(".")[0].startswith("meshclient_")
    ]


def test_core_and_model_are_pure() -> None:
    pure = [source for source in core() if within(source.module, "meshclient.core", "meshclient.model")]
    assert pure
    assert [name for source in pure for name in impure_imports(source)] == []


def test_plugins_import_only_the_interface() -> None:
    assert [name for source in plugins() for name in private_imports(source)] == []


def test_the_core_distribution_imports_no_plugin() -> None:
    assert [name for source in core() for name in plugin_imports(source)] == []


def test_import_linter_knows_every_plugin() -> None:
    contracts = (ROOT / "pyproject.toml").read_text("utf-8")
    packages = {source.module.partition(".")[0] for source in plugins()}
    assert {package for package in packages if f'"{package}"' not in contracts} == set()


@pytest.mark.parametrize(
    "text",
    [
        "import time",
        "from time import monotonic",
        "import os.path",
        "def f():\n    from random import Random",
        "import httpx as h",
    ],
)
def test_an_impure_import_is_noticed(text: str) -> None:
    assert impure_imports(Source("meshclient.core.sample", text))


@pytest.mark.parametrize("text", ["import timeit", "from .time import now", "from collections import abc"])
def test_a_pure_import_is_left_alone(text: str) -> None:
    assert impure_imports(Source("meshclient.core.sample", text)) == []


@pytest.mark.parametrize(
    "text",
    ["import meshclient", "from meshclient import Client", "from meshclient.discovery import runtime"],
)
def test_a_plugin_reaching_inside_is_noticed(text: str) -> None:
    assert private_imports(Source("meshclient_sample.resolver", text))


@pytest.mark.parametrize(
    "text",
    [
        "from meshclient.discovery.resolver import Resolver",
        "from meshclient.discovery.http_registry.fields import document",
        "from meshclient.model.endpoint import Endpoint",
        "from meshclient_sample import payload",
        "from . import payload",
        "from .payload import parse",
    ],
)
def test_a_plugin_using_the_interface_is_left_alone(text: str) -> None:
    assert private_imports(Source("meshclient_sample.resolver", text)) == []


def test_a_plugin_imported_by_the_core_is_noticed() -> None:
    assert plugin_imports(Source("meshclient.cli.sample", "def f():\n    import meshclient_consul.resolver"))


def test_relative_imports_are_resolved() -> None:
    package = Source("meshclient.core", "from . import exchange", is_package=True)
    module = Source("meshclient.core.exchange", "from ..model import outcome")
    assert [name for name, _ in package.imports()] == ["meshclient.core.exchange"]
    assert [name for name, _ in module.imports()] == ["meshclient.model.outcome"]
