"""The wire engine for threads: plain blocking sockets, the limits of time kept by the kernel.

One thread has a connection at a time, and lends it to nobody: no lock is taken and no other thread is woken between
taking one and giving it back. `Engine` has a `Pool` for each target, and a pool has `Connection` objects.
"""
