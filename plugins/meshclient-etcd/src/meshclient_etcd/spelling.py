"""Names in capitals: how a service is spelt in keys, where it is not in lower case.

etcd's keys distinguish case, HTTP's hosts do not. A service without a key under its folded name is looked for under
another spelling: between two letters of the alphabet, keys alone, leaping over what is left of a service once its
name is known.
"""

from __future__ import annotations

from dataclasses import dataclass, field

# Keys in one answer. A page takes one question, and each leap at least a service.
PAGE = 500
# Pages read at most; a registry with more services under one letter is not searched to its end.
PAGES = 40


@dataclass(frozen=True, slots=True)
class Search:
    """Where to look next, and what was found.

    Args:
        prefix: what stands before service names.
        name: the folded name.
        spans: ranges of keys yet to be read, each from its first key up to but without its last.
        found: prefixes of the service's keys.
        pages: how many have been read.
    """

    prefix: bytes
    name: bytes
    spans: tuple[tuple[bytes, bytes], ...]
    found: tuple[bytes, ...] = field(default=())
    pages: int = 0

    @classmethod
    def begin(cls, prefix: bytes, name: bytes) -> Search:
        """For every spelling of `name`, which is in lower case."""
        letters = sorted({name[:1], name[:1].upper()})
        return cls(prefix, name, tuple((prefix + letter, prefix + bytes([letter[0] + 1])) for letter in letters))

    @property
    def span(self) -> tuple[bytes, bytes] | None:
        """What to read now, or None at the end."""
        return self.spans[0] if self.spans and self.pages < PAGES else None

    def after(self, keys: tuple[bytes, ...]) -> Search:
        """Having read `keys`, in their order: at most `PAGE`, the first of `span`."""
        found = list(self.found)
        for key in keys:
            service, slash, _ = key.removeprefix(self.prefix).partition(b"/")
            place = self.prefix + service + b"/"
            if slash and service.lower() == self.name and place not in found:
                found.append(place)
        spans = self.spans[1:]
        if len(keys) >= PAGE:
            service, slash, _ = keys[-1].removeprefix(self.prefix).partition(b"/")
            # "0" follows "/" in ASCII: the first key behind those of this service.
            start = self.prefix + service + b"0" if slash else keys[-1] + b"\0"
            spans = ((start, self.spans[0][1]), *spans) if start < self.spans[0][1] else spans
        return Search(self.prefix, self.name, spans, tuple(found), self.pages + 1)
