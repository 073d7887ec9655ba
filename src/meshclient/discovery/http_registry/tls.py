"""Whom a client of a registry trusts, and the certificate that it shows."""

from __future__ import annotations

import os
import ssl
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from meshclient.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from meshclient.discovery.resolver import ResolverUri

_NO_VARIABLES: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The authority to trust and the client's own certificate and key: PEM files or PEM text; empty where not given.

    Args:
        ca_file: the authority; where there is none, the system's are trusted.
        cert_file: the certificate.
        key_file: its key, where that does not stand beside it.
        ca_pem: the authority as text.
        cert_pem: the certificate as text.
        key_pem: its key as text.
        origin: where the texts come from, in words.
    """

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    ca_pem: str = ""
    cert_pem: str = field(default="", repr=False)
    key_pem: str = field(default="", repr=False)
    origin: str = ""

    @classmethod
    def parse(
        cls,
        uri: ResolverUri,
        environ: Mapping[str, str] = _NO_VARIABLES,
        variables: tuple[str, str, str] = ("", "", ""),
    ) -> TlsFiles:
        """The options ca_file, cert_file and key_file, or else the environment's `variables`, in this order.

        Raises ConfigError for a key without a certificate.
        """
        ca_file, cert_file, key_file = (
            uri.text(option, environ.get(variable, ""))
            for option, variable in zip(("ca_file", "cert_file", "key_file"), variables, strict=True)
        )
        if key_file and not cert_file:
            named = ", ".join(filter(None, ("key_file", variables[2])))
            raise ConfigError(f"{uri.scheme}:// has a client key ({named}) and no certificate (cert_file)")
        return cls(ca_file, cert_file, key_file)

    def context(self, registry: str, error: Callable[[str], Exception]) -> ssl.SSLContext:
        """A context that verifies chain, validity and host name. Raises `error` where something is unusable."""
        with _usable(
            f"the authority for {registry}", f"ca_file={self.ca_file}" if self.ca_file else self.origin, error
        ):
            made = ssl.create_default_context(cafile=self.ca_file or None, cadata=self.ca_pem or None)
        named = f"cert_file={self.cert_file} and key_file={self.key_file}" if self.cert_file else self.origin
        with _usable(f"the client certificate for {registry}", named, error):
            if self.cert_file:
                made.load_cert_chain(self.cert_file, self.key_file or None, password=_no_password)
            elif self.cert_pem:
                self._load_text(made)
        return made

    def _load_text(self, context: ssl.SSLContext) -> None:
        # OpenSSL takes a certificate and its key from a file alone. This one is ours to read, and gone at once.
        descriptor, path = tempfile.mkstemp()
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(f"{self.cert_pem}\n{self.key_pem}\n")
            context.load_cert_chain(path, password=_no_password)
        finally:
            Path(path).unlink()


@contextmanager
def _usable(what: str, where: str, error: Callable[[str], Exception]) -> Iterator[None]:
    try:
        yield
    except (OSError, ssl.SSLError) as exc:
        raise error(f"{what} in {where} is unusable: {exc}") from None


def _no_password() -> str:
    """For an encrypted key: without this OpenSSL would ask at the terminal, and everything would wait for an answer."""
    return ""
