"""How many descriptors a process may have open: each connection is one, and the usual limit of a shell is 1024.

That limit is low for the sake of programs that use select(2), which end badly above it; here nothing does.
"""

from __future__ import annotations

from contextlib import suppress

# Where the hard limit is none.
_PLENTY = 2**20


def allow_many_files() -> None:
    """Raise the limit as far as this user may."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _PLENTY if hard == resource.RLIM_INFINITY else hard
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
