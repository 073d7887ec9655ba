"""What the plugins of registries that speak HTTP and JSON have in common; part of the interface for plugins.

Nothing in this distribution imports `client` and `question`, so that httpx costs nobody anything who uses no such
registry.
"""
