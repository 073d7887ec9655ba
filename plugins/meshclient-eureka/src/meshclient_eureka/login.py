"""User and password, the latter from a value or from a file that others rewrite."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

from meshclient_eureka.errors import EurekaError


class Login:
    """Hands out the header of basic authentication (RFC 7617).

    A file is read again when its modification time, size or inode has changed (Vault's agent and Kubernetes replace
    it), and on `reread`.

    Args:
        user: the user's name; empty for no authentication.
        password: the password itself.
        file: the file that holds the password; empty for none.
    """

    def __init__(self, user: str = "", password: str = "", *, file: str = "") -> None:
        self._user = user
        self._password = password
        self._file = Path(file) if file else None
        self._stamp: tuple[int, int, int] | None = None
        kept = f"the password in password_file={file}" if file else "the option password"
        self.words = f"user {user!r} with {kept}" if user else "no user and password"

    def header(self) -> str:
        """The value of ``Authorization``; empty for none. Raises EurekaError where the file cannot be read."""
        if not self._user:
            return ""
        if self._file is not None:
            self._load(self._file)
        return f"Basic {self._encoded()}"

    def reread(self) -> str:
        """As `header`, whatever the file's modification time says: a clock with coarse steps hides a change."""
        self._stamp = None
        return self.header()

    def scrub(self, text: str) -> str:
        """`text` without the password, plain or as the header has it."""
        if not self._password:
            return text
        return text.replace(self._encoded(), "(password)").replace(self._password, "(password)")

    def _encoded(self) -> str:
        return b64encode(f"{self._user}:{self._password}".encode()).decode("ascii")

    def _load(self, file: Path) -> None:
        try:
            status = file.stat()
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            if stamp != self._stamp:
                self._password = file.read_text("utf-8").strip("\r\n")
                self._stamp = stamp
        except (OSError, UnicodeDecodeError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
            raise EurekaError(f"the password for Eureka cannot be read from password_file={file}: {reason}") from None
        if not self._password:
            raise EurekaError(f"the password for Eureka cannot be read from password_file={file}: the file is empty")
