"""Responses kept and served again: the step of a call. The asynchronous side is the source of the other."""
