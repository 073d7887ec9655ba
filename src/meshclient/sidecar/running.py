"""Running a sidecar as a process of its own, on the fastest event loop there is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from meshclient.sidecar.open_files import allow_many_files
from meshclient.sidecar.process import Process

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from typing import TypeAlias, TypeVar

    from meshclient.config.loaded import Loaded
    from meshclient.config.source import Document
    from meshclient.sidecar.arrangement import Arrangement
    from meshclient.sidecar.door import Door
    from meshclient.sidecar.process import Body

    T = TypeVar("T")
    Checked: TypeAlias = Callable[[Loaded], None]
    Announce: TypeAlias = Callable[[dict[str, str], str, list[str]], None]


def run_sidecar(arrangement: Arrangement, checked: Checked, announce: Announce, *, take_over: bool = False) -> int:
    """Run until it is ended; the exit code.

    Args:
        arrangement: where its configuration comes from.
        checked: told of the first configuration, before anything is begun; may raise.
        announce: told where it listens, by listener, what programs of this host are to use, and what of the
            configuration is not done.
        take_over: whether to take the place of a sidecar at the same address.
    """

    def build(process: Process, loaded: Loaded, document: Document, doors: Mapping[str, Door]) -> Body:
        checked(loaded)
        config = loaded.config.sidecar
        # Envoy has threads of its own.
        if config.workers > 1 and config.data_plane != "envoy":
            from meshclient.sidecar.workers.fleet import Fleet

            return Fleet(arrangement, loaded, document, doors, process.leave)
        # A supervisor needs none of it.
        from meshclient.sidecar.sidecar import Sidecar

        return Sidecar(loaded, doors, process.leave)

    def tell(body: Body) -> None:
        announce(body.addresses, body.url, body.unmapped)

    allow_many_files()
    return run(Process(arrangement, build, tell, take_over=take_over).run())


def run(main: Coroutine[object, object, T]) -> T:
    """As `asyncio.run`, on uvloop where that is installed."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        return asyncio.run(main)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(main)
