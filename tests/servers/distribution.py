"""Which tests of a parallel run one process takes together, and in which order the processes come to take them.

A file at a time, except where a server is dear: its tests stay in one process, so that it starts once. What waits for
servers goes first and what only computes last, so that at the end no process is left alone with a long file.
"""

from __future__ import annotations

import os
from typing import Any

import pytest

# Folders whose tests share a Java process that takes seconds of all processors to start.
TOGETHER = ("plugins/meshclient-eureka/tests/integration/", "plugins/meshclient-aws/tests/dynamodb/")
_SHORT = ("/unit/", "/property/", "/house/")


# A process mostly waits, for leases, intervals and time limits: one more than there are processors keeps them busy.
# Every process starts servers of its own, so more than four gain nothing.
_MOST = 4


def unit(test: str) -> str:
    """What `test`, a node id, is taken together with: a folder, or its file."""
    file = test.partition("::")[0]
    return next((folder for folder in TOGETHER if file.startswith(folder)), file)


def rank(test: str) -> int:
    """How early it is handed out: the lowest first."""
    if unit(test) in TOGETHER:
        return 0
    return 2 if any(folder in test.partition("::")[0] for folder in _SHORT) else 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In a parallel run, order the tests by rank; elsewhere leave them as they stand."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: rank(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """The number of processes for `-n auto`."""
    return min((os.cpu_count() or 1) + 1, _MOST)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """The scheduler for `-n` without `--dist`: pytest-xdist's own for scopes, with our units for scopes."""
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

    if config.getoption("dist") != "load":
        return None
    config.option.loadscopereorder = False  # our order stands
    scheduler = LoadScopeScheduling(config, log)
    scheduler._split_scope = unit
    return scheduler
