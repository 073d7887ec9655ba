"""Private attributes of httpx are touched in four files, so that another version of httpx is four files' work."""

import ast
from collections.abc import Iterator

import httpx
import pytest

from house.source import Source, core, plugins, within

# Requests and clients; responses; the transports of a client; what libraries replace. `plain.soundness` names some, and
# reads none.
ALLOWED = frozenset(f"meshclient.http.{name}" for name in ("innards", "filled", "mounting", "mocking"))
# What a class inherits some from.
BASES = frozenset({
    "httpx.AsyncClient", "httpx.AsyncHTTPTransport", "httpx.Client", "httpx.Cookies", "httpx.Headers",
    "httpx.HTTPTransport", "httpx.Request", "httpx.Response",
})  # fmt: skip


def privates() -> frozenset[str]:
    """Names that httpx's objects keep to themselves."""
    request = httpx.Request("GET", "http://a/")
    transports = httpx.HTTPTransport(verify=False), httpx.AsyncHTTPTransport(verify=False)
    clients = [kind(trust_env=False, verify=False) for kind in (httpx.Client, httpx.AsyncClient)]
    values = (
        *(request, httpx.Response(200, request=request), request.headers, request.url, httpx.Cookies()),
        *(httpx.QueryParams(), httpx.Timeout(1), *clients, *transports),
    )
    names = {name for value in values for name in (*dir(value), *getattr(value, "__dict__", ()))}
    # The last one is that of httpcore's pools.
    return frozenset(name for name in names if name.startswith("_") and not name.startswith("__")) | {"_ssl_context"}


PRIVATE = privates()


def touched(source: Source) -> Iterator[str]:
    """Each use of one on an object that is not the class's own, or whose class derives from httpx's."""
    tree = source.tree()
    derived = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base) in BASES for base in node.bases)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name) if id(node) not in derived:
                continue
            case ast.Attribute(attr=name):
                pass
            case ast.Call(
                func=ast.Name(id="getattr" | "setattr" | "hasattr" | "delattr"),
                args=[_, ast.Constant(value=str() as name), *_],
            ):
                pass
            case _:
                continue
        if name in PRIVATE:
            yield f"{source.module}:{node.lineno} {name}"


def test_only_three_files_touch_them() -> None:
    sources = [source for source in core() + plugins() if any(within(name, "httpx") for name, _ in source.imports())]
    assert [use for source in sources if source.module not in ALLOWED for use in touched(source)] == []
    assert {source.module for source in sources if source.module in ALLOWED and any(touched(source))} == ALLOWED


def test_what_they_are_is_known() -> None:
    assert {"_content", "_encoding", "_list", "_mounts", "_pool", "_ssl_context", "_state", "_transport"} <= PRIVATE


@pytest.mark.parametrize(
    "text",
    [
        "def f(client): return client._transport",
        "def f(response): response._content = b''",
        "pool = getattr(transport, '_pool', None)",
        "class Client(httpx.Client):\n    def f(self): return self._mounts",
        "def f(self): return self.client._state",
    ],
)
def test_a_use_is_noticed(text: str) -> None:
    assert len(list(touched(Source("meshclient.http.sample", text)))) == 1


def test_our_own_are_our_own() -> None:
    assert list(touched(Source("meshclient.http.sample", "class A:\n    def f(self): return self._transport"))) == []
