"""``MESHCLIENT_SIDECAR_URL``: a program beside a sidecar sends everything there, and leaves the policies to it.

It stands just above the defaults: any resolver that is configured is stronger, and so is each policy. What the sidecar
does must not be done twice: with three attempts here and three there, one request would become nine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from meshclient.config.environment import SIDECAR_VARIABLE
from meshclient.config.kinds import shown
from meshclient.config.layers import Leaf
from meshclient.config.origin import Layer, Origin, Path
from meshclient.model.listening import UNIX, Listening

if TYPE_CHECKING:
    from collections.abc import Mapping

_RESOLVER: Path = ("resolver",)
# What the sidecar has, by the same defaults.
_THERE = ("retry", "circuit", "throttle", "ejection", "hedge")


def through_sidecar(environ: Mapping[str, str], leaves: Mapping[Path, Leaf]) -> dict[Path, Leaf]:
    """What the variable adds to `leaves`, which all sources say together; nothing where a resolver is among them.

    Raises ValueError, with the reason and a remedy, where it is no address of a sidecar.
    """
    text = environ.get(SIDECAR_VARIABLE, "").strip()
    if not text or ((leaf := leaves.get(_RESOLVER)) is not None and leaf.value):
        return {}
    origin = Origin(Layer.ENVIRONMENT, SIDECAR_VARIABLE)
    added = {_RESOLVER: Leaf(f"static://{_address(text)}", origin)}
    off: dict[Path, Leaf] = {("defaults", policy): Leaf(False, origin) for policy in _THERE}
    return added | {path: leaf for path, leaf in off.items() if path not in leaves}


def _address(text: str) -> Listening:
    try:
        if text.startswith(UNIX) and (found := Listening.parse(text)).path.startswith("/"):
            return found
        parts = urlsplit(text)
        if parts.scheme == "http" and parts.path in {"", "/"} and not parts.query and "@" not in parts.netloc:
            found = Listening.parse(parts.netloc if parts.port is not None else f"{parts.netloc}:80")
            if found.host:
                return found
    except ValueError:
        pass
    msg = (
        f"{SIDECAR_VARIABLE}: {shown(text)} is not the address of a sidecar: write one such as "
        "'http://127.0.0.1:7140' or 'unix:/run/meshclient.sock', or unset it"
    )
    raise ValueError(msg)
