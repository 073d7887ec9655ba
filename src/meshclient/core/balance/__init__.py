"""Which endpoint takes the next attempt."""
