"""Envoy as the second data plane: the same mesh and the same configuration, carried by Envoy instead of Python."""
