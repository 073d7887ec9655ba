"""Decisions without I/O: every one a function of state, event, time and chance.

Imports `meshclient.model`, `meshclient.errors` and value types of the standard library, nothing else. Time and
randomness come in as arguments; a lock, where shared state needs one, comes in through the constructor like a clock.
"""
