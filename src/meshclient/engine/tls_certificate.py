"""The certificate that an endpoint showed and that was refused, as far as ssl lets it be seen.

OpenSSL says that a name is wrong and not which one would be right. ssl still has the chain at that moment, but shows it
only from Python 3.13 on under a public name; where it is not to be had, errors say less.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import TypeAlias

    _Name: TypeAlias = Iterable[Iterable[tuple[str, str]]]

_NOTE = "certificate"
_SHOWN = 5
_NAMES = ("DNS", "IP Address", "URI")


@dataclass(frozen=True, slots=True)
class Presented:
    """What was shown.

    Args:
        names: that it is for, in their order.
        issuer: who signed the last of the chain, in words.
        begins: when the last of the chain to do so becomes valid, in seconds since 1970.
        ends: when the first of the chain to do so expires, likewise.
    """

    names: tuple[str, ...]
    issuer: str
    begins: int
    ends: int

    @classmethod
    def of(cls, made: ssl.SSLObject | ssl.SSLSocket) -> Presented | None:
        """The chain that the peer of a handshake under way has shown; None where it cannot be seen."""
        try:
            chain = [each.get_info() for each in made._sslobj.get_unverified_chain()]  # type: ignore[union-attr]  # noqa: SLF001
            return cls._read(chain)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError, ssl.SSLError):
            return None

    @classmethod
    def _read(cls, chain: list[Mapping[str, Any]]) -> Presented:
        names = tuple(name for kind, name in chain[0].get("subjectAltName", ()) if kind in _NAMES)
        # Where there is nothing else OpenSSL still takes a common name for one.
        common = _fields(chain[0]["subject"]).get("commonName", "")
        return cls(
            names or tuple(filter(None, (common,))),
            _entity(chain[-1]["issuer"]),
            max(ssl.cert_time_to_seconds(each["notBefore"]) for each in chain),
            min(ssl.cert_time_to_seconds(each["notAfter"]) for each in chain),
        )

    @classmethod
    def noted(cls, error: BaseException) -> Presented | None:
        """What `note` has put down on `error`."""
        found = getattr(error, _NOTE, None)
        return found if isinstance(found, cls) else None

    def note(self, error: BaseException) -> None:
        """Put it down on the error that the handshake ends with: it is all that outlives it."""
        setattr(error, _NOTE, self)

    @property
    def listed(self) -> str:
        """The names in words."""
        shown, more = self.names[:_SHOWN], len(self.names) - _SHOWN
        return (", ".join(shown) or "no name at all") + (f" and {more} more" if more > 0 else "")


def _entity(name: _Name) -> str:
    fields = _fields(name)
    for key in ("commonName", "organizationalUnitName", "organizationName"):
        if key in fields:
            return repr(fields[key])
    return "someone without a name"


def _fields(name: _Name) -> dict[str, str]:
    return dict(pair for part in name for pair in part)
