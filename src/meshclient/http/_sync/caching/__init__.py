# Generated from src/meshclient/http/_async/caching/__init__.py by scripts/unasync.py; edit that file, then run `make sync`.
"""Responses kept and served again: the step of a call. The synchronous side is the source of the other."""
