"""Typed stubs: a class of annotated methods that says what a service offers, made callable."""
