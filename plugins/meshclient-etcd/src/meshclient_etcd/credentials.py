"""User and password, the latter from a value or from a file that others rewrite.

The password is needed for a token only, every few minutes at most, so its file is read each time anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from meshclient_etcd.errors import EtcdError


@dataclass(frozen=True, slots=True)
class Credentials:
    """As whom etcd is asked.

    Args:
        user: name; empty where etcd is asked without one.
        value: the password itself; empty where it stands in a file.
        file: path of the file that holds it; empty for none.
    """

    user: str = ""
    value: str = field(default="", repr=False)
    file: str = ""

    @property
    def origin(self) -> str:
        """In words, without the secret."""
        return f"user {self.user!r}" if self.user else "nobody (no user is given)"

    def password(self) -> str:
        """The password. Raises EtcdError where its file cannot be read or is empty."""
        if not self.file:
            return self.value
        try:
            password = Path(self.file).read_text("utf-8").strip("\r\n")
        except (OSError, UnicodeDecodeError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
            raise self._unreadable(reason) from None
        if not password:
            raise self._unreadable("the file is empty")
        return password

    def _unreadable(self, reason: str | None) -> EtcdError:
        return EtcdError(f"the password of {self.origin} for etcd cannot be read from {self.file}: {reason}")
