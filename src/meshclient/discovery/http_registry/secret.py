"""A secret to send, from a value or from a file that others rewrite.

Vault's agent replaces its files, and the kubelet a pod's token every hour by swapping a symbolic link; whoever read it
once is locked out in the end.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# An HTTP client that refuses a header value quotes it in its error, so that no other value may get there.
_SENDABLE = re.compile(r"[!-~]+")


class Password:
    """Hands out a password: UTF-8 text, without the line end of its file.

    A file is read again when its modification time, size or inode has changed, and on `reread`.

    Args:
        whom: for whom it is: ``Eureka``.
        value: the secret itself; empty for none.
        file: the file that holds it; empty for none.
        origin: where the value or file is named, in words without the secret.
        error: makes the error that is raised.
    """

    word = "password"

    def __init__(
        self, whom: str, value: str = "", *, file: str = "", origin: str = "", error: Callable[[str], Exception]
    ) -> None:
        self.origin = origin or f"no {self.word}"
        self._name = f"the {self.word} for {whom}"
        self._value = value
        self._file = Path(file) if file else None
        self._stamp: tuple[int, int, int] | None = None
        self._error = error

    @property
    def given(self) -> bool:
        """Whether there is anything to send at all."""
        return bool(self._value) or self._file is not None

    def read(self) -> str:
        """The secret; empty for none. Raises `error` where the file cannot be read or holds none."""
        if self._file is not None:
            self._load(self._file)
        return self._checked(self._value)

    def reread(self) -> str:
        """As `read`, whatever the file's modification time says: a clock with coarse steps hides a change."""
        self._stamp = None
        return self.read()

    def scrub(self, text: str, *encodings: Callable[[str], str]) -> str:
        """`text` without the secret, plain and as each of `encodings` writes it."""
        if self._value:
            for secret in (*(encode(self._value) for encode in encodings), self._value):
                text = text.replace(secret, f"({self.word})")
        return text

    def _load(self, file: Path) -> None:
        try:
            status = file.stat()
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            if stamp != self._stamp:
                self._value = self._trimmed(file.read_text("utf-8"))
                self._stamp = stamp
        except (OSError, UnicodeDecodeError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
            raise self._error(f"{self._name} cannot be read from {self.origin}: {reason}") from None
        if not self._value:
            raise self._error(f"{self._name} cannot be read from {self.origin}: the file is empty")

    def _trimmed(self, content: str) -> str:
        return content.strip("\r\n")

    def _checked(self, value: str) -> str:
        return value


class Token(Password):
    """Hands out a token for a header: visible ASCII characters, without white space around them in its file.

    `read` and `reread` raise `error`, without quoting it, also where there is another character in it.
    """

    word = "token"

    def _trimmed(self, content: str) -> str:
        return content.strip()

    def _checked(self, value: str) -> str:
        if value and not _SENDABLE.fullmatch(value):
            raise self._error(f"{self._name} cannot be sent: {self.origin} holds spaces or characters outside ASCII")
        return value
