"""Rules that send requests to a variant whatever the split says; the first one that matches holds.

Every text of a rule is compared as a whole, or with a ``*`` at its end as a beginning, as the paths of a service's
routes are; ``*`` alone asks for no more than that the header or cookie is there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from meshclient.core.traffic.head import Head

_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Rule:
    """Requests that go to one variant; all that is given must hold.

    Args:
        to: the variant.
        path: of the URL, without the query; empty for any.
        methods: in capitals; empty for any.
        headers: what each header is, by names in any capitals.
        cookies: what each cookie is.
    """

    to: str
    path: str = ""
    methods: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=lambda: _NONE, hash=False)
    cookies: Mapping[str, str] = field(default_factory=lambda: _NONE, hash=False)

    def matches(self, head: Head) -> bool:
        """Whether a request with this head goes to `to`."""
        return (
            (not self.methods or head.method in self.methods)
            and (not self.path or fits(self.path, head.path))
            and all(fits(wanted, head.header(name)) for name, wanted in self.headers.items())
            and all(fits(wanted, head.cookie(name)) for name, wanted in self.cookies.items())
        )


def matched(rules: Iterable[Rule], head: Head) -> Rule | None:
    """The first rule that matches, if one does."""
    return next((rule for rule in rules if rule.matches(head)), None)


def fits(wanted: str, value: str | None) -> bool:
    """Whether `value` is what is wanted; None never is."""
    if value is None:
        return False
    return value.startswith(wanted[:-1]) if wanted.endswith("*") else value == wanted
