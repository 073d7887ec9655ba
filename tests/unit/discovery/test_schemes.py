"""Schemes, plugins and composition, with real (if tiny) distributions on `sys.path`."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

import pytest

from meshclient.discovery import schemes
from meshclient.discovery.composition import FirstAnswering, Union
from meshclient.discovery.schemes import BUILT_IN, DISTRIBUTIONS, RESOLVERS, installed, load, open_resolver
from meshclient.discovery.static import StaticResolver
from meshclient.errors import ConfigError, PluginError, PluginNotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Install = Callable[..., str]

PLUGIN = """
class Resolver:
    def __init__(self, uri):
        self.source = str(uri)

    async def watch(self, name):
        yield None
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Puts a distribution with one module and its entry points on `sys.path`; returns the module's name."""
    modules: list[str] = []

    def put(
        distribution: str, *names: str, code: str = PLUGIN, target: str = "Resolver", group: str = RESOLVERS
    ) -> str:
        module = f"{distribution.replace('-', '_')}_of_a_test"
        site = tmp_path / distribution
        info = site / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        points = "".join(f"{name} = {module}:{target}\n" for name in names)
        (info / "entry_points.txt").write_text(f"[{group}]\n{points}")
        (site / f"{module}.py").write_text(code)
        monkeypatch.syspath_prepend(str(site))
        modules.append(module)
        return module

    yield put
    for module in modules:
        sys.modules.pop(module, None)


def test_a_plugin_is_found_by_its_scheme(install: Install) -> None:
    module = install("acme-registry", "acme")
    resolver = open_resolver("acme://h:1/x?dc=eu")
    assert type(resolver).__module__ == module
    assert resolver.source == "acme://h:1/x?dc=eu"
    assert open_resolver("ACME://h").source == "acme://h"


def test_only_the_named_plugin_is_loaded(install: Install) -> None:
    used = install("acme-registry", "acme")
    unused = install("other-registry", "other", code="raise RuntimeError('loaded')")
    open_resolver("acme://h")
    open_resolver("static://a:80")
    assert used in sys.modules
    assert unused not in sys.modules


def test_listing_plugins_loads_none(install: Install) -> None:
    module = install("acme-registry", "acme")
    assert ("acme", "acme-registry") in [(name, distribution) for name, distribution, _ in installed(RESOLVERS)]
    assert module not in sys.modules


def test_an_unknown_scheme_is_an_error_with_a_suggestion(install: Install) -> None:
    install("acme-registry", "acme")
    with pytest.raises(PluginError, match=r"resolver scheme 'statik' is unknown; did you mean 'static'\?"):
        open_resolver("statik://a:80")
    with pytest.raises(PluginError, match=r"'acne' is unknown; did you mean 'acme'\?"):
        open_resolver("acne://a")
    with pytest.raises(PluginError, match=r"did you mean 'consul'\?"):
        open_resolver("konsul://a")
    with pytest.raises(PluginError, match=r"'http' is unknown; the scheme says what the registry is, as in consul://"):
        open_resolver("http://127.0.0.1:8500")


def test_an_unknown_scheme_near_to_none_lists_the_known(install: Install) -> None:
    install("acme-registry", "acme")
    with pytest.raises(PluginError, match=r"'zzzzzz' is unknown; known here: acme, .*dns, ") as caught:
        open_resolver("zzzzzz://a")
    assert all(name in str(caught.value) for name in BUILT_IN)


def test_a_known_scheme_without_its_plugin_names_the_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schemes, "DISTRIBUTIONS", {"acme": "meshclient-acme"})
    with pytest.raises(PluginError, match="'acme' needs a plugin that is not installed: pip install meshclient-acme"):
        open_resolver("acme://h")


def test_every_planned_scheme_has_a_distribution() -> None:
    registries = {"consul", "cloudmap", "dynamodb", "etcd", "eureka", "kubernetes", "route53"}
    assert set(DISTRIBUTIONS) == {*registries, "redis", "rediss"}
    assert not set(DISTRIBUTIONS) & set(BUILT_IN)


def test_two_plugins_with_one_scheme_are_an_error_that_names_both(install: Install) -> None:
    one = install("acme-registry", "acme")
    two = install("rival-registry", "acme")
    with pytest.raises(PluginError, match="'acme' is claimed by acme-registry and rival-registry: uninstall all"):
        open_resolver("acme://h")
    assert one not in sys.modules
    assert two not in sys.modules


def test_a_collision_hurts_only_those_who_use_the_scheme(install: Install) -> None:
    install("acme-registry", "acme", "lone")
    install("rival-registry", "acme")
    assert open_resolver("lone://h").source == "lone://h"


@pytest.mark.parametrize("scheme", BUILT_IN)
def test_a_plugin_cannot_take_over_a_built_in_scheme(install: Install, scheme: str) -> None:
    module = install("acme-registry", scheme)
    with pytest.raises(PluginError, match=f"'{scheme}' is claimed by acme-registry and meshclient: uninstall all but"):
        open_resolver(f"{scheme}://")
    assert module not in sys.modules


def test_one_distribution_on_the_path_twice_is_no_collision(install: Install, tmp_path: Path) -> None:
    install("acme-registry", "acme")
    sys.path.append(str(tmp_path / "acme-registry"))
    try:
        assert open_resolver("acme://h").source == "acme://h"
    finally:
        sys.path.pop()


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("import a_module_that_nobody_has", "ModuleNotFoundError"),
        ("1/0", "ZeroDivisionError"),
        ("", "AttributeError"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_named(install: Install, code: str, cause: str) -> None:
    module = install("acme-registry", "acme", code=code)
    expected = rf"'acme' of acme-registry cannot be loaded from {module}:Resolver: {cause}\("
    with pytest.raises(PluginError, match=expected) as caught:
        open_resolver("acme://h")
    assert type(caught.value.__cause__).__name__ == cause


def test_a_plugin_that_is_no_callable_is_named(install: Install) -> None:
    install("acme-registry", "acme", code="Resolver = 'oops'")
    with pytest.raises(PluginError, match=r"of acme-registry cannot be used: .*:Resolver is 'oops', not a callable"):
        open_resolver("acme://h")


def test_groups_are_apart(install: Install) -> None:
    install("acme-balancers", "acme", group="meshclient.balancers")
    with pytest.raises(PluginError, match="resolver scheme 'acme' is unknown"):
        open_resolver("acme://h")
    assert load("meshclient.balancers", "acme", {}, "balancer")
    with pytest.raises(PluginError, match=r"balancer 'fastest' is unknown; known here: .*acme"):
        load("meshclient.balancers", "fastest", {}, "balancer")


def test_one_uri_is_no_composition() -> None:
    assert isinstance(open_resolver(" static://a:80 "), StaticResolver)


def test_composition() -> None:
    first = open_resolver("static://a:80 | static://b:80 | static://c:80")
    assert isinstance(first, FirstAnswering)
    assert first.source == "static://a:80 | static://b:80 | static://c:80"
    union = open_resolver("static://a:80 +  static://b:80")
    assert isinstance(union, Union)
    assert union.source == "static://a:80 + static://b:80"


def test_union_binds_tighter() -> None:
    both = open_resolver("static://a:80 + static://b:80 | static://c:80 + static://d:80")
    assert isinstance(both, FirstAnswering)
    assert [type(part) for part in both.parts] == [Union, Union]
    assert [part.source for part in both.parts] == ["static://a:80 + static://b:80", "static://c:80 + static://d:80"]


def test_operators_inside_a_uri_are_left_alone(install: Install) -> None:
    install("acme-registry", "acme")
    assert open_resolver("acme://h/a+b|c").source == "acme://h/a+b|c"
    assert open_resolver("acme://h/a+b | acme://i/c|d").source == "acme://h/a+b | acme://i/c|d"


@pytest.mark.parametrize(
    "text", ["", "|", "static://a:80 |", "| static://a:80", "static://a:80 | | static://b:80", "static://a:80 |dns://"]
)
def test_a_composition_with_a_gap_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"is not a resolver: .* white space on both sides of \| and \+"):
        open_resolver(text)


def test_the_options_of_every_part_are_checked() -> None:
    with pytest.raises(ConfigError, match="dns:// has no option 'nope'"):
        open_resolver("static://a:80 | dns://?nope=1")


@pytest.mark.parametrize("text", ["static://?dc=x|dns://", "static://?token=sesame| dns://", "env://?a=b+file:///x"])
def test_an_operator_without_white_space_is_not_swallowed_by_an_option(text: str) -> None:
    with pytest.raises(ConfigError, match="holds a second resolver: write white space on both sides") as caught:
        open_resolver(text)
    assert "sesame" not in str(caught.value)


@pytest.mark.skipif(not entry_points(group="meshclient.registrars", name="route53"), reason="needs meshclient-aws")
def test_a_scheme_that_can_only_be_registered_at_says_so() -> None:
    with pytest.raises(PluginNotFound, match=r"'route53' does not exist: services can be registered there, and not"):
        open_resolver("route53://example.internal")
