"""The page for people: one document with its style and its script inside.

The policy names both by their hashes, so that nothing runs on the page that was not shipped with it, whatever services
are called. It loads nothing from anywhere but the events of its own host.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from http import HTTPStatus
from importlib.resources import files

from meshclient.sidecar.admin.reply import Reply

_HTML = "text/html; charset=utf-8"


@cache
def page() -> Reply:
    """The page; read from the package when it is first asked for."""
    folder = files("meshclient.sidecar.admin").joinpath("dashboard")
    shell, style, script = (
        folder.joinpath(name).read_text(encoding="utf-8") for name in ("page.html", "page.css", "page.js")
    )
    body = shell.replace("/* style */", style).replace("/* script */", script)
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_hash(script)}'",
            f"style-src '{_hash(style)}'",
            "connect-src 'self'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )
    return Reply(HTTPStatus.OK, body.encode(), _HTML, policy=policy)


def _hash(text: str) -> str:
    """As a source expression (Content Security Policy Level 3, section 2.3.1)."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
