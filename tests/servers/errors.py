"""What goes wrong with a test server."""


class ServerError(RuntimeError):
    """A server could not be started or reached, or refused what a test asked of it."""


class NotInstalledError(ServerError):
    """The server's program is not on this machine; the message says how to get it."""
