"""The engine for every language: a proxy on loopback, fed by the same mesh as the library."""
