"""``meshclient call --repeat``: a small load test."""
