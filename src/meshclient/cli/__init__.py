"""The ``meshclient`` command: one file per command, one renderer.

The only part of the project that imports click and rich. Commands stand on the public API and on what `Mesh` offers.
"""
