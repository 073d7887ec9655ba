"""Frozen data of the field: what a name, an endpoint, a snapshot, an outcome and a deadline are.

Nothing here decides anything: parse, format, validate and compare, so that every other layer can share these values
without sharing behaviour.
"""
