"""Settings of every test run, for this distribution and for the plugins beside it."""

from __future__ import annotations

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
