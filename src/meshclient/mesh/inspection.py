"""The administration of a mesh: what the program has asked for, and what is configured.

What is configured begins with the first service that is used: before that there is nothing to see, and no thread runs.
It is for the background only, for elsewhere no thread runs between calls. What serves it stands above the mesh, and is
imported when somebody wants it.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from meshclient.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshclient.config.shape import MeshConfig
    from meshclient.mesh.mesh import Mesh
    from meshclient.sidecar.in_process import InProcess

_LOG = logging.getLogger("meshclient")


class Inspection:
    """Of one mesh; without the mesh itself, which it must not keep alive.

    Args:
        config: the mesh's.

    Attributes:
        open: what there is, and what has ended since the last was begun.
    """

    def __init__(self, config: MeshConfig) -> None:
        self._wanted = config.admin if config.mode == "background" else ""
        self._token_file = config.admin_token_file
        self._begun = False
        self.open: list[InProcess] = []

    def begin(self, mesh: Mesh) -> None:
        """A service comes into use: what is configured begins, unless it has; never raises."""
        if not self._wanted or self._begun:
            return
        self._begun = True
        try:
            self._add(mesh, self._wanted, None, (), exact=False)
        except (ConfigError, OSError, RuntimeError) as exc:
            _LOG.warning("%s; this process goes on without administration", exc)

    def serve(self, mesh: Mesh, address: str, token: str | None, host_names: Sequence[str]) -> InProcess:
        """As `Mesh.serve_admin`."""
        return self._add(mesh, address, token, host_names, exact=True)

    def stop(self) -> None:
        """All of it is to end; does not wait, and takes no lock."""
        self._begun = False
        for each in self.open:
            each.stop()

    def close(self, timeout: float) -> None:
        """All of it has ended when this returns, or after `timeout` seconds each."""
        # A call in another thread may have begun it once more while the mesh was about to end.
        self._begun = False
        while self.open:
            self.open.pop().close(timeout)

    async def aclose(self) -> None:
        """As `close`."""
        self._begun = False
        ended, self.open[:] = self.open[:], []
        await asyncio.gather(*(each.aclose() for each in ended))

    def _add(self, mesh: Mesh, address: str, token: str | None, host_names: Sequence[str], *, exact: bool) -> InProcess:
        from meshclient.sidecar.in_process import InProcess

        file = self._token_file
        read = (lambda: token) if token is not None else (lambda: _token(file))
        made = InProcess(mesh, address, token=read, host_names=host_names, exact=exact)
        # By steps that no other thread comes between.
        self.open.append(made)
        for each in [each for each in self.open if each.ended and each is not made]:
            with suppress(ValueError):
                self.open.remove(each)
        return made


def _token(file: str) -> str | None:
    if not file:
        return None
    path = Path(file).expanduser()
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as exc:
        raise ConfigError(f"admin_token_file {path} cannot be read: {exc}; write the token into it") from None
