"""The mesh that a test describes by its marker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.mesh import Mesh
from meshclient.testing.fake_endpoint import FakeEndpoint
from meshclient.testing.fake_mesh import FakeMesh

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from meshclient.model.events import Observer
    from meshclient.testing.clock import ManualClock
    from meshclient.testing.fake_mesh import Instance


def marked_mesh(
    services: Mapping[str, Instance | str | Sequence[Instance | str]] | None = None,
    *,
    clock: ManualClock | None,
    observers: Sequence[Observer],
    seed: int,
    **arguments: Any,  # noqa: ANN401 - handed on
) -> Mesh:
    """A `FakeMesh`, or a real one where all instances are URLs; both with what `FakeMesh` takes.

    Raises ValueError for a mixture of both, or where the clock of a real one is to stand still.
    """
    given = services or {}
    each = [
        one for some in given.values() for one in ([some] if isinstance(some, str) or callable(some) else _all(some))
    ]
    if not any(isinstance(one, str) for one in each):
        for one in each:
            # The marker's, which all tests share that it stands above.
            if isinstance(one, FakeEndpoint):
                one.rewind()
        return FakeMesh(given, clock=clock, observers=observers, seed=seed, **arguments)  # type: ignore[arg-type]
    if not all(isinstance(one, str) for one in each):
        msg = "@pytest.mark.mesh: the instances of a mesh are all URLs, which are really called, or none is"
        raise ValueError(msg)
    if clock is not None:
        msg = "@pytest.mark.mesh: instances at URLs answer in real time, so `mesh_clock` cannot stand still for them"
        raise ValueError(msg)
    settings = arguments.pop("settings", {})
    listed = {
        name: {"endpoints": [some] if isinstance(some, str) else list(some), **settings.get(name, {})}  # type: ignore[arg-type]
        for name, some in given.items()
    }
    return Mesh(services=listed, observers=observers, **arguments)


def _all(some: object) -> Sequence[object]:
    return some if isinstance(some, (list, tuple)) else [some]
