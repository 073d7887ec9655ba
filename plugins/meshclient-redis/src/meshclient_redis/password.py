"""The password, from a value or from a file that others rewrite."""

from __future__ import annotations

from pathlib import Path


class PasswordError(Exception):
    """The password's file cannot be used; the text says why, without its content."""


class PasswordSource:
    """Hands out the password to connect with; a file is read for each connection, so that a new one is taken up.

    Args:
        value: the password itself; empty for none.
        file: the file that holds it; empty for none.
        origin: where the value or file is named, in words without the secret.
    """

    def __init__(self, value: str = "", *, file: str = "", origin: str = "no password") -> None:
        self.origin = origin
        self._value = value
        self._file = Path(file) if file else None

    def read(self) -> str:
        """The password; empty for none. Raises PasswordError where the file cannot be read or holds none."""
        if self._file is None:
            return self._value
        try:
            self._value = self._file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
            raise PasswordError(f"the Redis password cannot be read from {self.origin}: {reason}") from None
        if not self._value:
            raise PasswordError(f"the Redis password cannot be read from {self.origin}: the file is empty")
        return self._value

    def scrub(self, text: str) -> str:
        """`text` without the password."""
        return text.replace(self._value, "(password)") if self._value else text
