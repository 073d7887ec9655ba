"""The reference of events, out of ``meshclient.model.events``."""

from __future__ import annotations

import dataclasses
from typing import get_args

from scripts.reference.docstring import docstring
from scripts.reference.markdown import code, page, table

from meshclient.model import events

_HEAD = """\
`Mesh(observers=[...])` takes functions of one argument, which is one of these: frozen values of
`meshclient.model.events`. They are called where it happens, never under a lock, and what they raise is logged and
goes no further. The fixture `mesh_events` of `meshclient.testing` collects them."""


def reference() -> str:
    """The page."""
    parts = [_HEAD]
    for event in get_args(events.Event):
        told = docstring(event)
        parts += [f"## `{event.__name__}`", "\n\n".join(part for part in (told.summary, told.text) if part)]
        rows = [
            (code(each.name), code(str(each.type).replace("meshclient.model.", "")), told.items.get(each.name, ""))
            for each in dataclasses.fields(event)
        ]
        parts.append(table(("field", "type", "meaning"), rows))
    return page("Events", *parts)
