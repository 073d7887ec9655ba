"""One shape of configuration, whether it comes from TOML, the environment, keyword arguments or ``--set``.

`schema` says which keys exist, `layers` merges what the sources say, `loaded.load` joins the two. The values that the
rest of the project reads are the dataclasses of `shape`; where each came from is kept beside them, never inside.
"""
