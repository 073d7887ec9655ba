"""What a format has to be able to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Codec(Protocol):
    """One format. What its decoders raise for bytes they cannot read is a ValueError or a RecursionError.

    Attributes:
        name: as it is asked for, ``codec="json"``.
        media_type: what a body of this format is sent as, and asked for with.
        media_types: all that it goes by.
        has_empty: whether no bytes at all are a value.
    """

    name: str
    media_type: str
    media_types: frozenset[str]
    has_empty: bool

    def complaint(self, kind: object) -> str:
        """Why values of the type `kind` have no form in this format, naming it and a remedy; or ""."""
        ...

    def encoder(self, kind: object) -> Callable[[object], bytes]:
        """Writes values of the type `kind`, of which there was no complaint."""
        ...

    def decoder(self, kind: object) -> Callable[[bytes], object]:
        """Reads them."""
        ...
