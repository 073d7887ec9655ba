"""The asynchronous face, and the source of its synchronous twin (scripts/unasync.py)."""
