"""The reference of errors: classes, words for programs, and what each asks for."""

from __future__ import annotations

import ast
import inspect
from collections import defaultdict
from pathlib import Path

from scripts.reference.docstring import docstring
from scripts.reference.markdown import code, page, table

import meshclient.errors
from meshclient.cli.exit_status import exit_status
from meshclient.errors import MeshError
from meshclient.http import errors as flavours
from meshclient.model.outcome import Kind
from meshclient.rpc import DecodeError, StatusError, StubError
from meshclient.telemetry.error_type import CALL_ERRORS, of_error

_ROOT = Path(__file__).resolve().parents[2]
_HEAD = """\
Every error that meshclient raises is a `meshclient.MeshError`. Those of a call are also what httpx calls that
situation, so that an existing `except httpx.ConnectError` goes on working; errors of the service itself
(`httpx.ReadTimeout` and the like) are raised as httpx has them. Both bear the story of the call in `exc.mesh`. The
text says which service, which endpoints were tried, whether anything was sent, and what to do next."""
_WORDS = """\
In spans, metrics and logs (`error.type`), and on answers that a sidecar gives itself (the header `mesh-error`), an
error is one word out of a short list. A status from 400 on is its own word in `error.type`."""
_ENDINGS = {
    Kind.BUSY: "the service answered 429 or 503: it has too much to do",
    Kind.SERVER_ERROR: "the service answered 500, 502 or 504",
    Kind.CONNECT_ERROR: "no connection: refused, unreachable, or TLS did not come about",
    Kind.CONNECT_TIMEOUT: "no connection within `connect_timeout`",
    Kind.POOL_TIMEOUT: "no connection of our own was free in time: see `connections`",
    Kind.TIMEOUT: "no response head within `attempt_timeout`",
    Kind.STALE_CONNECTION: "the server had closed the connection while it lay idle; nobody's fault",
    Kind.DISCONNECTED: "the connection broke before the response was complete",
    Kind.PROTOCOL_ERROR: "what came is no HTTP",
    Kind.STALLED: "this process stood still itself; the endpoint is not blamed",
    Kind.CONNECT_STALLED: "likewise, while a connection was opened",
    Kind.LOCAL_ERROR: "the request cannot be sent as it is",
    Kind.CANCELLED: "given up by the caller, or for another attempt that was faster",
}


def reference() -> str:
    """The page."""
    missing = [kind for kind in Kind if kind is not Kind.OK and kind not in _ENDINGS]
    if missing:
        raise LookupError(f"scripts/reference/errors.py has no words for {missing}")
    parts = [_HEAD]
    for error in _classes():
        parts += [f"## `{error.__name__}`", _facts(error), _said(error)]
    parts += ["## Words for programs", _WORDS, "### Of an attempt"]
    parts.append(table(("word", "means"), [(code(str(kind)), words) for kind, words in _ENDINGS.items()]))
    parts += ["### Of a call that was refused or failed here", _calls()]
    parts += ["### Of a sidecar and of administration: `mesh-error`", _refusals()]
    return page("Errors", *parts)


def _classes() -> list[type[MeshError]]:
    own = [each for each in vars(meshclient.errors).values() if isinstance(each, type) and issubclass(each, MeshError)]
    return [*own, StubError, DecodeError, StatusError]


def _facts(error: type[MeshError]) -> str:
    parents = [each.__name__ for each in error.__bases__ if each not in {object, Exception}]
    flavour = _flavour(error)
    facts = [f"a {', '.join(map(code, parents))}" if parents else ""]
    facts += [f"raised by clients also as {', '.join(flavour)}"] if flavour else []
    if made := _made(error):
        word = of_error(made, None)
        facts += [f"`error.type` {code(word)}"] if word in CALL_ERRORS and word != "_OTHER" else []
        facts += [f"exit code {exit_status(made).value}"]
    return " · ".join(fact for fact in facts if fact)


def _made(error: type[MeshError]) -> MeshError | None:
    known = {meshclient.errors.MeshError, meshclient.errors.ResolutionError, meshclient.errors.RejectedError}
    return None if error in known or error in {DecodeError, StatusError, StubError} else error("")


def _flavour(error: type[MeshError]) -> list[str]:
    found = [each for each in vars(flavours).values() if inspect.isclass(each) and error in each.__bases__]
    return [code(f"httpx.{each.__name__}") for known in found for each in known.__bases__ if each is not error]


def _said(error: type[MeshError]) -> str:
    told = docstring(error)
    attributes = [f"- `{name}`: {meaning}" for name, meaning in told.items.items()]
    text = told.text.replace("What to do: ", "**What to do:** ")
    return "\n\n".join(part for part in (told.summary, text, "\n".join(attributes)) if part)


def _calls() -> str:
    rows: list[tuple[str, str]] = []
    for error in _classes():
        made = _made(error)
        word = of_error(made, None) if made else "_OTHER"
        if word != "_OTHER" and word not in {row[0].strip("`") for row in rows}:
            rows.append((code(word), f"[`{error.__name__}`](#{error.__name__.lower()})"))
    rows.append((code("_OTHER"), "an error of your own, as from a strategy for one"))
    return table(("word", "class"), rows)


def _refusals() -> str:
    found: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for file in sorted((_ROOT / "src" / "meshclient" / "sidecar").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and len(node.args) >= 3
                and _name(node.func) in {"Refusal", "Trouble", "_Refusal"}
            ):
                status, word, detail = node.args[:3]
                if isinstance(word, ast.Constant) and isinstance(status, ast.Constant):
                    text = _text(detail)
                    told = found[str(word.value), str(status.value)]
                    if text and text not in told:
                        told.append(text)
    rows = [(code(word), status, " / ".join(told)) for (word, status), told in sorted(found.items())]
    return table(("`mesh-error`", "status", "says"), rows)


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(each.value) if isinstance(each, ast.Constant) else "..." for each in node.values)
    return ""
