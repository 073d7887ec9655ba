"""User and password, the latter from a value or from a file that others rewrite."""

from __future__ import annotations

from base64 import b64encode

from meshclient.discovery.http_registry.secret import Password
from meshclient_eureka.errors import EurekaError


class Login:
    """Hands out the header of basic authentication (RFC 7617).

    Args:
        user: the user's name; empty for no authentication.
        password: the password itself.
        file: the file that holds the password, read again as `Password` does; empty for none.
    """

    def __init__(self, user: str = "", password: str = "", *, file: str = "") -> None:
        origin = f"password_file={file}" if file else ""
        self._user = user
        self._password = Password("Eureka", password, file=file, origin=origin, error=EurekaError)
        kept = f"the password in {origin}" if file else "the option password"
        self.words = f"user {user!r} with {kept}" if user else "no user and password"

    def header(self) -> str:
        """The value of ``Authorization``; empty for none. Raises EurekaError where the file cannot be read."""
        return f"Basic {self._encoded(self._password.read())}" if self._user else ""

    def reread(self) -> str:
        """As `header`, whatever the file's modification time says."""
        return f"Basic {self._encoded(self._password.reread())}" if self._user else ""

    def scrub(self, text: str) -> str:
        """`text` without the password, plain or as the header has it."""
        return self._password.scrub(text, self._encoded)

    def _encoded(self, password: str) -> str:
        return b64encode(f"{self._user}:{password}".encode()).decode("ascii")
