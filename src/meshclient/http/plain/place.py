"""Where a plain call goes: a URL taken apart once, or not at all where nothing in it needs normalising."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

import httpx

from meshclient.engine.request_head import request_line
from meshclient.http import innards

if TYPE_CHECKING:
    from httpx._types import QueryParamTypes

# More URLs than this are not remembered at a time, nor longer ones.
REMEMBERED = 4096
LONGEST = 1024
# Characters that httpx takes in a URL at most.
LONGEST_URL = 65_536

# What httpx leaves as it is in a path and in a query (the percent-encode sets of the WHATWG URL standard, section 1.3;
# an escape or a lone percent sign stays too). Dot segments are looked for apart.
_PATH = r"[!$-;=@-_a-z|~]*"
_QUERY = r"[!$-;=?-~]*"
_ABSOLUTE = re.compile(rf"(https?://[A-Za-z0-9._-]+(?::[0-9]{{1,5}})?)(/{_PATH})(\?{_QUERY})?").fullmatch
_RELATIVE = re.compile(rf"/((?:[!$-.0-;=@-_a-z|~]{_PATH})?)(\?{_QUERY})?").fullmatch
SCHEMES = ("http", "https")


class Origin:
    """Scheme, host and port, with the lines that they become.

    Attributes:
        text: as a URL begins with it, normalised.
        host_line: the Host header.
    """

    __slots__ = ("host", "host_line", "port", "scheme", "text")

    def __init__(self, url: httpx.URL) -> None:
        self.scheme = url.scheme
        self.host = url.host
        self.port = url.port
        netloc = url.netloc
        self.text = f"{url.scheme}://{netloc.decode('ascii')}"
        self.host_line = b"Host: %s\r\n" % netloc


# Where a request goes, its URL (text, where nobody has parsed it), path with query, and the request line.
Place: TypeAlias = "tuple[Origin, httpx.URL | str, str, bytes]"


class Places:
    """Finds out where calls of one client go, whose base URL and parameters stay the same.

    Args:
        client: gives both.
    """

    def __init__(self, client: innards.Client) -> None:
        self._client = client
        self._origins: dict[str, Origin] = {}
        base = client.base_url
        simple = not (
            base.userinfo or base.fragment or base.query or base.scheme not in SCHEMES or not _is_spelt_out(base)
        )
        path = base.raw_path.decode("ascii")
        self._base = (Origin(base), path) if simple and "/." not in path else None
        self._params = bool(client.params)

    def find(self, method: str, url: httpx.URL | str, params: QueryParamTypes | None) -> Place | None:
        """The place, or None where it takes httpx to say what to do with it. Raises anything for a wrong URL."""
        if type(url) is str and len(url) <= LONGEST and "/." not in url:
            match = _ABSOLUTE(url)
            if match is not None:
                text, path, query = match.groups("")
                origin = self._origins.get(text) or self._learn(text)
                if origin is None:
                    return None
            else:
                match = _RELATIVE(url)
                if match is None or self._base is None:
                    return self._parse(method, url, params)
                (origin, base), (path, query) = self._base, match.groups("")
                path = base + path
            if params is not None or self._params:
                wanted = innards.merged_params(self._client, params) if self._params else params
                # They replace a query, even where they come to nothing.
                parsed = httpx.QueryParams(wanted)
                query = f"?{parsed}" if parsed else ""
            target = path + query
            if len(origin.text) + len(target) > LONGEST_URL:
                # httpx takes no URL as long as that.
                return None
            line = f"{method} {target} HTTP/1.1\r\n"
            return origin, origin.text + target, target, line.encode("ascii")
        return self._parse(method, url, params)

    def _learn(self, text: str) -> Origin | None:
        url = httpx.URL(text + "/")
        if not _is_spelt_out(url) or (url.port or 0) > 0xFFFF:
            return None
        if len(self._origins) >= REMEMBERED:
            self._origins.clear()
        origin = self._origins[text] = Origin(url)
        return origin

    def _parse(self, method: str, url: httpx.URL | str, params: QueryParamTypes | None) -> Place | None:
        merged = innards.merged_url(self._client, url)
        wanted = innards.merged_params(self._client, params)
        if wanted is not None:
            merged = httpx.URL(merged, params=wanted)
        if merged.scheme not in SCHEMES or not _is_spelt_out(merged) or merged.userinfo or (merged.port or 0) > 0xFFFF:
            return None
        target = merged.raw_path
        line = request_line(method.encode("ascii"), target)
        return Origin(merged), merged, target.decode("ascii"), line


def _is_spelt_out(url: httpx.URL) -> bool:
    """Whether its host means the same however it is read: names beyond ASCII have two encodings, and two owners."""
    return bool(url.host) and url.host.encode("ascii", "replace") == url.raw_host
