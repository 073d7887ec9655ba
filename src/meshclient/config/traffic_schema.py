"""How a traffic policy is written: ``[services.<name>.traffic]``.

    [services.orders.traffic]
    split = { v1 = 95, v2 = 5 }                        # v1 is described nowhere: the endpoints no variant has
    sticky = "cookie:session"
    routes = [{ to = "v2", headers = { x-preview = "*" } }, { to = "v2", path = "/beta/*", methods = ["GET"] }]
    mirror = { to = "orders-next", share = "5%" }
    guard = { variant = "v2", alpha = 0.01 }

    [services.orders.traffic.variants.v2]
    tags = ["v2"]                                      # or metadata = { version = "v2" }, or service = "orders-canary"

Each of these is one value, which a stronger source replaces as a whole: half a split of one file and half of another
would be nobody's split.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from difflib import get_close_matches
from math import isfinite
from types import MappingProxyType
from typing import TYPE_CHECKING

from meshclient.config import kinds, policy_kinds
from meshclient.config.kinds import Kind, Written, shown, switch_or_value, toml_or_text
from meshclient.config.traffic_shape import GuardConfig, MirrorConfig, VariantConfig
from meshclient.core.traffic.match import Rule
from meshclient.core.traffic.subset import Subset
from meshclient.errors import ConfigError
from meshclient.model.service import ServiceName

if TYPE_CHECKING:
    from typing import TypeVar

    T = TypeVar("T")

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_PATH = re.compile(r"/[^*?#\s]*\*?")
_METHOD = re.compile(r"[A-Z][A-Z0-9_-]*")
_VARIANT_KEYS = ("tags", "metadata", "service")
_RULE_KEYS = ("to", "path", "methods", "headers", "cookies")
_MIRROR_KEYS = ("to", "share", "limit")
_GUARD_KEYS = ("variant", "alpha", "tolerance", "latency")
_SPLIT_EXAMPLE = "{ v1 = 95, v2 = 5 }"


def label(value: object) -> str:
    """The name of a variant or service, folded."""
    if not isinstance(value, str):
        raise ConfigError(f"{shown(value)} is not a name: write text such as 'v2'")
    return ServiceName.parse(value).value


def table(value: object, keys: Iterable[str], example: str) -> Mapping[str, object]:
    """`value` as a table with no keys but these."""
    if not isinstance(value, Mapping):
        raise ConfigError(f"{shown(value)} is not a table: write {example}")
    known = tuple(keys)
    for key in value:
        if key not in known:
            close = get_close_matches(str(key), known, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
            raise ConfigError(f"unknown key {shown(key)}; {hint}")
    return value


def placed(place: str, read: Callable[[object], T], value: object) -> T:
    """What `read` makes of `value`; its complaint names the place."""
    try:
        return read(value)
    except ValueError as exc:
        raise ConfigError(f"{place}: {exc}") from None


def listed(value: object, example: str) -> tuple[object, ...]:
    """`value` as a list."""
    if not isinstance(value, list | tuple):
        raise ConfigError(f"{shown(value)} is not a list: write {example}")
    return tuple(value)


def wanted_headers(value: object) -> Mapping[str, str]:
    """What headers are to be, by names in lower case."""
    return _wanted(value, str.lower)


def _wanted(value: object, fold: Callable[[str], str]) -> Mapping[str, str]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{shown(value)} is not a table: write {{ name = \"value\" }}, with '*' for any value")
    found: dict[str, str] = {}
    for name, text in value.items():
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            raise ConfigError(f"{shown(name)} is not the name of a header or cookie: write one such as 'x-user'")
        if text is not True and not isinstance(text, str):
            raise ConfigError(f"{name} = {shown(text)} is not text: write a value, 'beginning*', or '*' for any")
        found[fold(name)] = "*" if text is True else text
    return MappingProxyType(found)


def _split(value: object) -> Mapping[str, float]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{shown(value)} is not a table of weights: write {_SPLIT_EXAMPLE}")
    found: dict[str, float] = {}
    for name, weight in value.items():
        known = label(name)
        if type(weight) not in (int, float) or not 0 <= weight <= 1e6 or not isfinite(weight):
            raise ConfigError(f"{known} = {shown(weight)} is not a weight: write a number from 0 to 1000000")
        if known in found:
            raise ConfigError(f"{known} stands there twice (capitals do not count): keep one of them")
        found[known] = float(weight)
    return MappingProxyType(found)


def _spelled_split(text: str) -> object:
    value = toml_or_text(text)
    return toml_or_text(f"{{ {text} }}") if isinstance(value, str) else value


def _variants(value: object) -> Mapping[str, VariantConfig]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{shown(value)} is not a table: write one for each, such as {{ v2 = {{ tags = ['v2'] }} }}")
    return MappingProxyType({label(name): placed(str(name), _variant, inner) for name, inner in value.items()})


def _variant(value: object) -> VariantConfig:
    given = table(value, _VARIANT_KEYS, "{ tags = ['v2'] }, { metadata = { version = 'v2' } } or { service = 'other' }")
    tags = placed("tags", _tags, given.get("tags", ()))
    metadata = placed("metadata", _metadata, given.get("metadata", {}))
    service = placed("service", label, given["service"]) if "service" in given else ""
    if bool(service) == bool(tags or metadata):
        raise ConfigError("is either another service or a part of this one: write service, or tags and metadata")
    return VariantConfig(service, Subset(tags, metadata))


def _tags(value: object) -> tuple[str, ...]:
    tags = listed(value, "tags such as ['v2']")
    for tag in tags:
        if not isinstance(tag, str) or not tag:
            raise ConfigError(f"{shown(tag)} is not a tag: write text")
    return tuple(dict.fromkeys(map(str, tags)))


def _metadata(value: object) -> Mapping[str, str]:
    if not isinstance(value, Mapping) or not all(isinstance(each, str) for pair in value.items() for each in pair):
        raise ConfigError(f"{shown(value)} is not a table of texts: write {{ version = 'v2' }}")
    return MappingProxyType(dict(value))


def _rules(value: object) -> tuple[Rule, ...]:
    items = listed(value, "[{ to = 'v2', headers = { x-preview = '*' } }]")
    return tuple(placed(f"[{index}]", _rule, item) for index, item in enumerate(items))


def _rule(value: object) -> Rule:
    if isinstance(value, Rule):
        return value
    given = table(value, _RULE_KEYS, "{ to = 'v2', headers = { x-preview = '*' } }")
    if "to" not in given:
        raise ConfigError("leads nowhere: write to = '<a variant>'")
    if len(given) == 1:
        raise ConfigError("takes every call: give it headers, cookies, path or methods, or use split")
    return Rule(
        placed("to", label, given["to"]),
        placed("path", _path, given["path"]) if "path" in given else "",
        placed("methods", _methods, given["methods"]) if "methods" in given else (),
        placed("headers", wanted_headers, given.get("headers", {})),
        placed("cookies", lambda each: _wanted(each, str), given.get("cookies", {})),
    )


def _path(value: object) -> str:
    if not isinstance(value, str) or not _PATH.fullmatch(value):
        raise ConfigError(f"{shown(value)} is not a path: write one such as '/beta', or '/beta/*' for all below it")
    return value


def _methods(value: object) -> tuple[str, ...]:
    methods = [str(item).strip().upper() for item in listed(value, "methods such as ['GET']")]
    for method in methods:
        if not _METHOD.fullmatch(method):
            raise ConfigError(f"{shown(method)} is not a method: write one such as 'GET'")
    return tuple(dict.fromkeys(methods))


def _write_variant(variant: VariantConfig) -> Written:
    if variant.service:
        return {"service": variant.service}
    written: dict[str, Written] = {"tags": variant.subset.tags, "metadata": dict(variant.subset.metadata)}
    return {key: value for key, value in written.items() if value}


def _write_rule(rule: Rule) -> Written:
    written: dict[str, Written] = {
        "to": rule.to,
        "path": rule.path,
        "methods": rule.methods,
        "headers": dict(rule.headers),
        "cookies": dict(rule.cookies),
    }
    return {key: value for key, value in written.items() if value}


def _mirror(value: object) -> MirrorConfig | None:
    if value is False or value is None or isinstance(value, MirrorConfig):
        return value or None
    given = table(value, _MIRROR_KEYS, "{ to = 'orders-next', share = '5%' }, or false for no copies")
    for key in ("to", "share"):
        if key not in given:
            raise ConfigError(f"has no {key}: write {{ to = '<a variant or service>', share = '5%' }}")
    mirror = MirrorConfig(placed("to", label, given["to"]), placed("share", _share, given["share"]))
    if "limit" not in given:
        return mirror
    return replace(mirror, limit=placed("limit", kinds.COUNT.read, given["limit"]))  # type: ignore[arg-type]


def _share(value: object) -> float:
    share = kinds.RATIO.read(value)
    if not share:
        raise ConfigError("0 copies nothing: write a number above 0, or false for mirror")
    return share  # type: ignore[return-value]


def _guard(value: object) -> GuardConfig | None:
    if value is False or value is None or isinstance(value, GuardConfig):
        return value or None
    given = table(value, _GUARD_KEYS, "{ variant = 'v2' }, or false for no guard")
    if "variant" not in given:
        raise ConfigError("watches nothing: write { variant = '<one of split>' }")
    found: dict[str, object] = {
        key: placed(key, read, given[key])
        for key, read in (("alpha", _level), ("tolerance", policy_kinds.FACTOR.read), ("latency", kinds.SWITCH.read))
        if key in given
    }
    return GuardConfig(placed("variant", label, given["variant"]), **found)  # type: ignore[arg-type]


def _level(value: object) -> float:
    if type(value) not in (int, float) or not LEAST_ALPHA <= value <= MOST_ALPHA:  # type: ignore[operator]
        raise ConfigError(f"{shown(value)} is out of place: write a small probability such as 0.01, at most 0.5")
    return float(value)  # type: ignore[arg-type]


def _write_fields(value: MirrorConfig | GuardConfig | None) -> Written:
    return False if value is None else asdict(value)


# Lower asks for evidence that no fleet gives in its life, higher is no test.
LEAST_ALPHA = 1e-9
MOST_ALPHA = 0.5

TRAFFIC_KEYS: Mapping[str, Kind] = MappingProxyType(
    {
        "split": Kind(_split, dict, spelled=_spelled_split),
        "variants": Kind(_variants, lambda value: {name: _write_variant(each) for name, each in value.items()}),
        "routes": Kind(_rules, lambda value: tuple(map(_write_rule, value))),
        "sticky": policy_kinds.HASH_KEY,
        "mirror": Kind(_mirror, _write_fields, spelled=switch_or_value),
        "guard": Kind(_guard, _write_fields, spelled=switch_or_value),
    }
)
