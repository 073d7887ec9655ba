"""What TLS is configured with, and a context made of it."""

from __future__ import annotations

import os
import ssl
import sys
from dataclasses import dataclass, field
from pathlib import Path

from meshclient.engine.errors import TlsFailed
from meshclient.engine.tls_context import ResumingContext
from meshclient.model.outcome import Kind

# The one protocol that the engine speaks.
ALPN = ["http/1.1"]


class TlsUnusable(TlsFailed):
    """The files that TLS is configured with cannot be used; no endpoint has any part in it."""

    kind = Kind.LOCAL_ERROR


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """How endpoints prove who they are, and this process to them.

    Args:
        ca: PEM file, or folder in OpenSSL's form, of the authorities to trust; empty for those that httpx trusts: what
            SSL_CERT_FILE or SSL_CERT_DIR name, or else certifi's.
        cert: PEM file of the certificate to show, with those between it and its authority; empty for none.
        key: PEM file of its key; empty where that stands in `cert`.
        password: of the key.
        verify: whether certificates are checked.
        identity: what they must be for; empty for the name of the service. For whoever makes a `Target`.
        trust_env: whether the two variables count.
    """

    ca: str = ""
    cert: str = ""
    key: str = ""
    password: str = field(default="", repr=False)
    verify: bool = True
    identity: str = ""
    trust_env: bool = True

    @property
    def authorities(self) -> str:
        """The file or folder of those to trust; empty where nothing is verified."""
        if not self.verify or self.ca:
            return self.ca if self.verify else ""
        for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR") if self.trust_env else ():
            if os.environ.get(variable):
                return os.environ[variable]
        import certifi  # its file is looked for when it is needed

        return certifi.where()

    def load(self) -> ResumingContext:
        """A context, by what the files say now. Raises TlsUnusable."""
        made = ResumingContext()
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        made.set_alpn_protocols(ALPN)
        if sys.version_info >= (3, 13):
            # As ssl.create_default_context() has them.
            made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
        if self.cert:
            self._load_certificate(made)
        if self.verify:
            self._load_authorities(made)
        else:
            made.check_hostname = False
            made.verify_mode = ssl.CERT_NONE
        return made

    def _load_certificate(self, made: ssl.SSLContext) -> None:
        try:
            # Without a password OpenSSL would ask for one at the terminal, and everything would wait for the answer.
            made.load_cert_chain(self.cert, self.key or None, password=lambda: self.password)
        except (OSError, ValueError) as error:
            named = f"tls.cert {self.cert}" + (f" with tls.key {self.key}" if self.key else "")
            raise _unusable(named, error, self.cert, self.key) from None

    def _load_authorities(self, made: ssl.SSLContext) -> None:
        authorities = self.authorities
        try:
            # SSL_CERT_DIR may name several.
            folder = Path(authorities).is_dir() or (os.pathsep in authorities and not Path(authorities).exists())
            made.load_verify_locations(None if folder else authorities, authorities if folder else None)
        except (OSError, ValueError) as error:
            raise _unusable(f"tls.ca {authorities}", error, authorities) from None


def _unusable(named: str, error: Exception, *paths: str) -> TlsUnusable:
    missing = [path for path in paths if path and not Path(path).exists()]
    reason = error.reason if isinstance(error, ssl.SSLError) else None
    if missing:
        why = f"{missing[0]} is not there"
    elif reason == "KEY_VALUES_MISMATCH":
        why = "the key is that of another certificate"
    elif isinstance(error, ssl.SSLError):
        why = f"not PEM as it should be, or its key has a password ({(reason or str(error)).lower().replace('_', ' ')})"
    else:
        why = getattr(error, "strerror", None) or str(error)
    return TlsUnusable(f"{named} cannot be used: {why}")
