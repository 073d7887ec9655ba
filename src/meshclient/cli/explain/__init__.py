"""``meshclient explain``: ``EXPLAIN`` for a call."""

from meshclient.cli.explain.command import explain as explain
