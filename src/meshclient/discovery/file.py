"""``file://``: endpoints from a file that configuration management writes, watched for changes.

The watch polls `os.stat`: it works on every file system, costs microseconds, and sees an atomic rename as well as a
write in place, where inotify is blind to network mounts and to Kubernetes' symbolic-link swaps.

A file may be read while it is being written, and half a file can be a valid shorter one. So a change is believed once
the file has been at rest from one poll to the next. Two exceptions keep it quick: a file that was renamed into place
(another inode) is complete by construction and read at once, and one that never rests is read all the same after
`PATIENCE` polls. The same pause closes the gap that two writes within one tick of the file system's clock would leave
(the "racy" entries of Git's index). Nothing is reported as broken before it has been read at rest.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import tomllib
from collections.abc import Callable, Mapping
from contextlib import aclosing
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from meshclient.discovery.runtime.blocking import off_loop
from meshclient.discovery.services_table import parse_services
from meshclient.discovery.shared import Shared
from meshclient.errors import ConfigError
from meshclient.model.snapshot import Empty, Failed, Ready, listing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from meshclient.discovery.resolver import ResolverUri
    from meshclient.model.endpoint import Endpoint
    from meshclient.model.service import ServiceName

    _Services = Mapping[ServiceName, tuple[Endpoint, ...]]

# A renamed file is seen within one poll, one that rests within two, and one that does not within PATIENCE + 1: 0.6 s at
# most, under the promised second.
POLL = 0.2
PATIENCE = 2
# Seconds after which a file that has not changed is told once more, so that the age of a list is not taken for that of
# the file: looking at it confirms it.
CONFIRM = 5.0


class FileResolver:
    """Answers from the ``[services.<name>]`` tables of a TOML, JSON or YAML file, told apart by its suffix.

    A change is seen within 1 s, whether the file is renamed into place or written over. A missing, half-written or
    invalid file keeps the last good list: the watch yields `Failed` with the path and the reason, and goes on looking.
    A file without a byte in it is invalid too, since that is how a write in place begins; ``[services]`` alone says
    "none". Raises ConfigError for another suffix, and for YAML without PyYAML.

    Args:
        uri: ``file:///etc/mesh.toml``, or ``file://mesh.toml`` below the working directory.
        poll: seconds between two looks.
        confirm: seconds after which a list is confirmed that has not changed.
    """

    def __init__(self, uri: ResolverUri, *, poll: float = POLL, confirm: float = CONFIRM) -> None:
        path = Path(unquote(uri.authority + uri.path))
        uri.finish()
        if path.suffix.lower() not in _DECODERS:
            known = ", ".join(_DECODERS)
            raise ConfigError(
                f"{uri}: the suffix {path.suffix!r} names no format; write file://<path> with one of {known}"
            )
        self._decode = _DECODERS[path.suffix.lower()]
        if self._decode is _yaml and importlib.util.find_spec("yaml") is None:
            raise ConfigError(f"{uri}: reading YAML needs PyYAML: pip install 'meshclient[yaml]'")
        self.source = str(uri)
        self._path = path
        self._poll = poll
        self._confirm = confirm
        # One look at the file serves every name that is watched in it.
        self._readings = Shared(self._read)

    async def watch(self, name: ServiceName) -> AsyncIterator[Ready | Empty | Failed]:
        """Yield the file's list when it changes and when it is confirmed; `Failed` while the file cannot be used."""
        said: Ready | Empty | Failed | None = None
        before: _Services | Failed | None = None
        async with aclosing(self._readings.subscribe()) as readings:
            async for reading in readings:
                if reading is before and said is not None:
                    yield said
                    continue
                before = reading
                answer = reading if isinstance(reading, Failed) else self._answer(name, reading)
                if answer != said:
                    said = answer
                    yield answer

    async def names(self) -> list[str]:
        """The services of the file. Raises ConfigError where it cannot be used."""
        reading, _ = await self._parse()
        if isinstance(reading, Failed):
            raise ConfigError(reading.cause)
        return [name.value for name in reading]

    def _answer(self, name: ServiceName, services: _Services) -> Ready | Empty:
        endpoints = services.get(name)
        return listing(endpoints or (), source=self.source, exists=endpoints is not None)

    async def _read(self) -> AsyncIterator[_Services | Failed]:
        """Yield what the file says each time it has been read, and the same object to confirm it."""
        loop = asyncio.get_running_loop()
        known: _Mark | None = None
        before: _Mark | None = None
        told: _Services | Failed | None = None
        confirmed = loop.time()
        restless = 0
        while True:
            mark = await off_loop(self._mark)
            if mark is None or mark != known:
                rests = mark == before
                restless = 0 if rests else restless + 1
                believed = rests or restless > PATIENCE
                renamed = mark is not None and (before is None or mark.file != before.file)
                if believed or renamed:
                    reading, read = await self._parse()
                    if believed or not isinstance(reading, Failed):
                        known = mark if read and rests else None
                        told, confirmed = reading, loop.time()
                        yield reading
            elif isinstance(told, Mapping) and loop.time() - confirmed >= self._confirm:
                confirmed = loop.time()
                yield told
            before = mark
            await asyncio.sleep(self._poll)

    def _mark(self) -> _Mark | None:
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return _Mark((stat.st_dev, stat.st_ino), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)

    async def _parse(self) -> tuple[_Services | Failed, bool]:
        """What the file says, and whether it could be read, so that only a change makes reading worthwhile."""
        try:
            content = await off_loop(self._path.read_bytes)
        except OSError as exc:
            return Failed(f"{self._path} cannot be read: {exc.strerror or exc}", source=self.source), False
        try:
            return self._services(content), True
        except ConfigError as exc:
            return Failed(str(exc), source=self.source), True

    def _services(self, content: bytes) -> _Services:
        if not content.strip():
            raise ConfigError(f"{self._path} is empty (write [services] alone to say that there are none)")
        try:
            document = self._decode(content.decode("utf-8-sig"))
        except (ValueError, RecursionError) as exc:
            kind = self._path.suffix[1:].upper()
            raise ConfigError(f"{self._path} is not valid {kind}: {exc}") from None
        return parse_services(document, str(self._path))


class _Mark(NamedTuple):
    """What changes when a file does. The change time also tells of writes that restore the modification time."""

    file: tuple[int, int]
    size: int
    modified: int
    changed: int


def _yaml(text: str) -> object:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as exc:
        # Its own text quotes the line, which may hold a password.
        place = f" at line {exc.problem_mark.line + 1}" if exc.problem_mark else ""
        raise ValueError(f"{exc.problem}{place}") from None
    except yaml.YAMLError as exc:
        raise ValueError(exc) from None


_DECODERS: Mapping[str, Callable[[str], object]] = MappingProxyType(
    {".toml": tomllib.loads, ".json": json.loads, ".yaml": _yaml, ".yml": _yaml}
)
