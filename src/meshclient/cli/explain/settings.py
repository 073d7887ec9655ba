"""What holds for one call, value by value, with who said so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient.cli.config import masked, toml
from meshclient.cli.origin_lines import OriginLines, origin_document
from meshclient.config.origin import Layer, dotted
from meshclient.config.shape import folded_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meshclient.config.loaded import Loaded
    from meshclient.config.resolution import Setting

# What is said for the whole process and shows in an explanation.
_WHOLE = ("resolver", "domains", "zone", "mode", "state_dir", "discovery.hold", "discovery.idle")
# Read again in tables of their own, or said of the whole.
_APART = ("routes", "endpoints")


@dataclass(frozen=True, slots=True)
class Held:
    """A value that holds for the call.

    Args:
        key: within the service, such as ``retry.attempts``; a key of the process where `whole`.
        setting: the value and its origin.
        line: of the file it stands in, or None.
        source: the origin for people.
        whole: whether it is said of the process.
    """

    key: str
    setting: Setting
    line: int | None
    source: str
    whole: bool = False

    @property
    def said(self) -> bool:
        """Whether somebody said so, rather than that being the default."""
        return self.setting.origin.layer is not Layer.DEFAULT

    @property
    def text(self) -> str:
        """The value as it is written in a file, without secrets."""
        return toml(masked(self.setting.value))

    @property
    def document(self) -> dict[str, object]:
        """JSON-ready data."""
        return {
            "key": self.key,
            "path": self.setting.path,
            "value": masked(self.setting.value),
            "origin": origin_document(self.setting.origin, self.line),
        }


class CallSettings:
    """The settings of a call.

    Args:
        loaded: the configuration.
        service: the service that is called; empty where it is none.
        route: the pattern of the route that the call takes; empty for none.
    """

    def __init__(self, loaded: Loaded, service: str, route: str) -> None:
        lines = OriginLines(loaded.file)
        config = loaded.config
        name = folded_name(service) if service not in config.services else service
        base = ("services", name) if service and config.names(service) else ("defaults",)
        found = {each.key: each for each in _of(loaded.settings, (), lines) if each.key in _WHOLE}
        self.whole = tuple(found[key] for key in _WHOLE if key in found)
        own = {each.key: each for each in _of(loaded.settings, base, lines)} if service else {}
        if route:
            special = {each.key: each for each in _of(loaded.settings, (*base, "routes", route), lines)}
            # A policy that the route switches off has no values of its own.
            off = tuple(f"{key}." for key, each in special.items() if each.setting.value is False)
            on = {key.partition(".")[0] for key in special if "." in key}
            kept = {k: v for k, v in own.items() if not k.startswith(off) and not (k in on and "." not in k)}
            own = kept | special
        self.own = tuple(own[key] for key in sorted(own))

    def of(self, *keys: str) -> tuple[Held, ...]:
        """Those of one policy: `keys` and what stands below them."""
        below = tuple(f"{key}." for key in keys)
        return tuple(each for each in self.own if each.key in keys or each.key.startswith(below))

    @property
    def every(self) -> tuple[Held, ...]:
        """Of the process, then of the call."""
        return self.whole + self.own


def sources(held: Iterable[Held]) -> str:
    """Who said what of these, for people; nothing where all are defaults."""
    told: dict[str, list[str]] = {}
    for each in held:
        if each.said:
            told.setdefault(each.source, []).append(each.key.rpartition(".")[2])
    if len(told) == 1:
        return next(iter(told))
    return ", ".join(f"{source} ({', '.join(keys)})" for source, keys in told.items())


def _of(settings: Iterable[Setting], base: tuple[str, ...], lines: OriginLines) -> Iterable[Held]:
    head = f"{dotted(base)}." if base else ""
    for setting in settings:
        key = setting.path.removeprefix(head)
        if setting.path.startswith(head) and key.partition(".")[0] not in _APART:
            yield Held(key, setting, lines.line(setting), lines.text(setting), whole=not base)
