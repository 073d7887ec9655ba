"""The bearer token, from a value or from a file that others rewrite.

The kubelet replaces a pod's token while the pod runs (bound service account tokens live for an hour), by swapping a
symbolic link; whoever read it once is locked out in the end.
"""

from __future__ import annotations

import re
from pathlib import Path

from meshclient_kubernetes.errors import KubernetesError

# An HTTP client that refuses a header value quotes it in its error, so that no other value may get there.
_SENDABLE = re.compile(r"[!-~]+")


class TokenSource:
    """Hands out the token to send.

    A file is read again when its modification time, size or inode has changed, and on `reread`.

    Args:
        value: the token itself; empty for none.
        file: the file that holds it; empty for none.
        origin: where the value or file is named, in words without the secret.
    """

    def __init__(self, value: str = "", *, file: str = "", origin: str = "no token") -> None:
        self.origin = origin
        self._value = value
        self._file = Path(file) if file else None
        self._stamp: tuple[int, int, int] | None = None

    @property
    def given(self) -> bool:
        """Whether there is a token to send at all."""
        return bool(self._value) or self._file is not None

    def read(self) -> str:
        """The token; empty for none. Raises KubernetesError where the file cannot be read or holds no token."""
        if self._file is None:
            return self._sendable(self._value)
        try:
            status = self._file.stat()
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            if stamp != self._stamp:
                self._value = self._file.read_text("ascii").strip()
                self._stamp = stamp
        except (OSError, UnicodeDecodeError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else "it is not ASCII text"
            raise KubernetesError(f"the token for Kubernetes cannot be read from {self.origin}: {reason}") from None
        if not self._value:
            raise KubernetesError(f"the token for Kubernetes cannot be read from {self.origin}: the file is empty")
        return self._sendable(self._value)

    def reread(self) -> str:
        """As `read`, whatever the file's modification time says: a clock with coarse steps hides a change."""
        self._stamp = None
        return self.read()

    def scrub(self, text: str) -> str:
        """`text` without the token."""
        return text.replace(self._value, "(token)") if self._value else text

    def _sendable(self, value: str) -> str:
        if value and not _SENDABLE.fullmatch(value):
            raise KubernetesError(f"{self.origin} is no bearer token: it holds spaces or characters outside ASCII")
        return value
