"""AWS Cloud Map: the resolver and the registrar behind ``cloudmap://``."""
