"""Who may ask: the checks that stand before every request.

A page in a browser on this machine reaches loopback as well as we do. What keeps it out is the Host header, which names
the page's own host where a name server was made to point it here (DNS rebinding), and the Origin header, which comes
with every POST of a browser. Who is no browser, and on this machine, is stopped by neither: that is what the token and
the rights of a Unix socket are for. See docs/admin.md.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from meshclient.errors import ConfigError
from meshclient.sidecar.admin.reply import Refused

if TYPE_CHECKING:
    from collections.abc import Collection

    from meshclient.sidecar.admin.request import Request

# Too short to be guessed: the shortest that `openssl rand -hex 8` and its like make.
SHORTEST_TOKEN = 16

_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")
_TOKEN = re.compile(r"[\x21-\x7e]+")
_LOOPBACK_NAMES = frozenset({"localhost", "localhost."})
_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class Guard:
    """The checks of one process.

    Args:
        token: what callers have to show, or None.
        host_names: names by which this process is called, beside ``localhost`` and any IP address.

    Raises ConfigError for a token that is none.
    """

    def __init__(self, token: str | None, host_names: Collection[str] = ()) -> None:
        if token is not None and (len(token) < SHORTEST_TOKEN or not _TOKEN.fullmatch(token)):
            msg = (
                f"the token of the administration needs {SHORTEST_TOKEN} visible ASCII characters or more: write the "
                "output of `openssl rand -hex 32` into the file"
            )
            raise ConfigError(msg)
        self._token = None if token is None else token.encode("ascii")
        self._names = _LOOPBACK_NAMES | {name.lower() for name in host_names}

    def check_address(self, address: object) -> None:
        """Raises ConfigError for an IP address to listen at that others can reach, where there is no token."""
        if self._token is None and not ipaddress.ip_address(str(address).partition("%")[0]).is_loopback:
            msg = (
                f"administration at {address} can be reached from other machines and needs a token: set "
                "admin_token_file, or listen at 127.0.0.1 or a Unix socket"
            )
            raise ConfigError(msg)

    def check(self, request: Request, *, local: bool, public: bool, page: bool) -> None:
        """Whether `request` may go on; raises Refused.

        Args:
            request: as it came.
            local: it came by a Unix socket, where there is no host to be checked.
            public: it asks for nothing that is not for everybody.
            page: a person may come to it from elsewhere, by a link.
        """
        host = self._host(request, local=local)
        site = request.header("sec-fetch-site")
        if site not in {None, "same-origin", "none"} and not page:
            raise _foreign("a page of another site asks")
        if request.method in _WRITES:
            origin = request.header("origin")
            if origin is not None and (host is None or origin.lower() not in {f"http://{host}", f"https://{host}"}):
                raise _foreign("the request's Origin is not this host")
        if not public:
            self._check_token(request)

    def _host(self, request: Request, *, local: bool) -> str | None:
        host = (request.header("host") or "").lower()
        found = _HOST.fullmatch(host)
        if local:
            return host if found else None
        if found is None:
            raise Refused(HTTPStatus.BAD_REQUEST, "bad_request", "a request needs one Host header with a host in it")
        name = found["name"]
        if name not in self._names and not _is_address(name.strip("[]")):
            detail = (
                "the Host header names none of this process's hosts: ask by IP address or localhost, or have the name "
                "added to those of the administration"
            )
            raise Refused(HTTPStatus.MISDIRECTED_REQUEST, "host_not_allowed", detail)
        return host

    def _check_token(self, request: Request) -> None:
        if self._token is None:
            return
        scheme, _, shown = (request.header("authorization") or "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(shown.strip().encode("latin-1"), self._token):
            return
        why = "needs a token" if not shown else "got a wrong token"
        detail = f"administration {why}: send `Authorization: Bearer ...` with what is in admin_token_file"
        headers = (("WWW-Authenticate", 'Bearer realm="meshclient"'),)
        raise Refused(HTTPStatus.UNAUTHORIZED, "unauthorized", detail, headers)


def _foreign(what: str) -> Refused:
    return Refused(HTTPStatus.FORBIDDEN, "origin_not_allowed", f"{what}: only pages of this host may do that")


def _is_address(name: str) -> bool:
    # A page that was loaded from an address is one of that address: no name server has a part in it.
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
