"""Settings of every test run, for this distribution and for the plugins beside it."""

from __future__ import annotations

import logging
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["servers.fixtures", "servers.distribution"]

settings.register_profile(
    "default",
    deadline=None,  # a busy machine is no failure
    max_examples=100,
    derandomize=True,  # one commit, one result (draws depend on the sources, of which Hypothesis takes constants)
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("explore", settings.get_profile("default"), derandomize=False, max_examples=1000)
settings.load_profile("default")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    """A command that a test runs in this very process leaves its loggers as they were for the tests that follow."""
    loggers = [logging.getLogger(name) for name in ("meshclient", "meshclient.discovery", "meshclient.sidecar")]
    before = [(list(logger.handlers), logger.level) for logger in loggers]
    try:
        return (yield)
    finally:
        for logger, (handlers, level) in zip(loggers, before, strict=True):
            logger.handlers[:] = handlers
            logger.setLevel(level)
