"""Where discovery runs: the only package of the project that starts a thread."""
