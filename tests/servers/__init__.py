"""Real servers on loopback for the tests, and the means to break them (see README.md)."""
