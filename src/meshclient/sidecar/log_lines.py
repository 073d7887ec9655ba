"""What a sidecar writes about itself: lines on standard error."""

from __future__ import annotations

import logging
import sys

_FORM = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def log_to_stderr(level: int, own: int, *, worker: int | None = None) -> None:
    """Have what happens written to standard error, a line each.

    Args:
        level: of everything.
        own: of the sidecar's own doings, which whoever looks at a server's log is looking for.
        worker: its number, where there are several.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(_FORM if worker is None else f"{_FORM} (worker {worker})"))
    logger = logging.getLogger("meshclient")
    logger.addHandler(handler)
    logger.setLevel(level)
    logging.getLogger("meshclient.sidecar").setLevel(own)
