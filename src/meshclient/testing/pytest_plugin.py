"""Fixtures for tests of programs that use meshclient; pytest finds them once the distribution is installed."""
