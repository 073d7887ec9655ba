# Generated from src/meshclient/rpc/_async/__init__.py by scripts/unasync.py; edit that file, then run `make sync`.
"""The synchronous side of `meshclient.rpc`; the synchronous one is generated from it."""
