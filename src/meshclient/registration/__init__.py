"""Telling a registry that this process serves, and that it no longer does."""
