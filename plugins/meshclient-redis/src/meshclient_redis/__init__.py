"""Redis for meshclient."""
