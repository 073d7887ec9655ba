"""The user's folder for sockets between processes of one sidecar.

Whoever may write to it gets our listening sockets, or gives us theirs: it has to be this user's alone.
"""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from meshclient.errors import ConfigError
from meshclient.registration.seat import runtime_folder

# sun_path has room for 107 bytes and the one that ends it; below BSD's, with what is put behind a name.
_LONGEST = 90


def own_socket(name: str) -> Path:
    """Where the socket called `name` is, in a folder that is there and this user's alone.

    Raises ConfigError where there is none.
    """
    try:
        folder = runtime_folder(os.environ)
        if len(os.fsencode(folder / name)) > _LONGEST:
            folder = Path(tempfile.gettempdir(), f"meshclient-{os.getuid()}")
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        facts = folder.lstat()
    except OSError as exc:
        why = f"no folder for sockets between processes: {exc.strerror or exc}"
        raise ConfigError(f"{why}; set XDG_RUNTIME_DIR to a folder of this user") from None
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid() or facts.st_mode & 0o022:
        why = f"{folder} belongs to somebody else, or others may write to it"
        raise ConfigError(f"{why}: set XDG_RUNTIME_DIR to a folder of this user")
    return folder / name
