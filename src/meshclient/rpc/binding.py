"""What binds a channel, of either colour, to its service: where it is, and what its requests have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

import httpx

from meshclient.errors import ConfigError
from meshclient.http.ambient import AMBIENT
from meshclient.rpc.arguments import CALL_OPTIONS
from meshclient.rpc.codec.document import Document
from meshclient.rpc.codec.registry import codec_named
from meshclient.rpc.location import service_base
from meshclient.rpc.options import checked

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.mesh import Mesh
    from meshclient.rpc.arguments import RequestArguments
    from meshclient.rpc.codec.codec import Codec

T = TypeVar("T")
_BODIES = ("content", "data", "files", "json")


class Binding:
    """The defaults of all requests to one service.

    Args:
        mesh: that knows the service.
        service: its name.
        headers: sent with each request, unless the request has its own of that name.
        sent: whether the client sends those headers by itself.
        codec: name of what writes ``body=`` and is asked for in answers.
        options: the mesh's options for each call.

    Attributes:
        bare: whether a request that brings no arguments has none.

    Raises ConfigError for a name, codec or option that is not known.
    """

    def __init__(
        self,
        mesh: Mesh,
        service: str,
        headers: Mapping[str, str],
        *,
        sent: bool,
        codec: str,
        options: Mapping[str, object],
    ) -> None:
        self.base = service_base(mesh, service)
        self.service = self.base.partition("://")[2]
        self.headers = _lowered(headers, f"channel {self.service!r}")
        self.codec: Codec = codec_named(codec)
        self.defaults = checked(options, f"channel {self.service!r}")
        self.standing: Mapping[str, str] = self.headers if sent else {}
        self.bare = not self.defaults and (sent or not self.headers)
        self._writers: dict[type, Callable[[object], bytes]] = {}
        self._documents: dict[object, Document] = {}

    def keywords(self, arguments: RequestArguments) -> dict[str, Any]:
        """A request's arguments as httpx takes them.

        The call's own options are stronger than those of `meshclient.override`, and these than the channel's.
        """
        keywords: dict[str, Any] = dict(arguments)
        given = {key: keywords.pop(key) for key in CALL_OPTIONS.intersection(keywords)}
        if given or self.defaults:
            extensions = keywords.get("extensions") or {}
            around = {**self.defaults, **(AMBIENT.get().options or {})} if self.defaults else {}
            keywords["extensions"] = {**extensions, "mesh": {**around, **extensions.get("mesh", {}), **given}}
        headers = {} if self.standing else self.headers
        if "body" in keywords:
            headers = self._with_body(keywords)
        if headers:
            merged = httpx.Headers(headers)
            merged.update(keywords.get("headers"))
            keywords["headers"] = merged
        return keywords

    def _with_body(self, keywords: dict[str, Any]) -> dict[str, str]:
        """Have the codec write the body into `keywords`; the headers that go with it."""
        body = keywords.pop("body")
        other = next((name for name in _BODIES if keywords.get(name) is not None), None)
        if other is not None:
            msg = f"a request has one body: give body= or {other}=, not both"
            raise ConfigError(msg)
        write = self._writers.get(type(body))
        if write is None:
            self._check(type(body))
            write = self._writers[type(body)] = self.codec.encoder(type(body))
        keywords["content"] = write(body)
        media_type = self.codec.media_type
        return {"accept": media_type, "content-type": media_type, **self.headers}

    def decode(self, response: httpx.Response, kind: type[T]) -> T:
        """The response's body as `kind`, read by the codec of its content type.

        Raises DecodeError saying what is wrong with it and where, ConfigError where nothing can be read as `kind`.
        """
        document = self._documents.get(kind)
        if document is None:
            self._check(kind)
            document = self._documents[kind] = Document(kind, self.codec, self.service)
        return cast("T", document.read(response))

    def _check(self, kind: object) -> None:
        if complaint := self.codec.complaint(kind):
            msg = f"channel {self.service!r}, codec {self.codec.name!r}: {complaint}"
            raise ConfigError(msg)


def _lowered(headers: object, where: str) -> dict[str, str]:
    """`headers`, their names in lower case; raises ConfigError for what is no table of texts."""
    if not isinstance(headers, Mapping):
        msg = f"{where}: its headers are {headers!r}: give a table such as {{'x-tenant': 'a'}}"
        raise ConfigError(msg)
    for name, value in headers.items():
        if not (isinstance(name, str) and isinstance(value, str)):
            msg = f"{where}: the header {name!r} is {value!r}: give text"
            raise ConfigError(msg)
    return {name.lower(): value for name, value in headers.items()}
