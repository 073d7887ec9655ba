"""Responses kept and served again: what of that is the same for both colours of calls."""
