# Generated from src/meshclient/http/_async/__init__.py by scripts/unasync.py; edit that file, then run `make sync`.
"""The synchronous face, and the source of its synchronous twin (scripts/unasync.py)."""
