"""The wire engine: HTTP/1.1 to one endpoint, with connections of our own.

Two drivers share one parser and one set of rules: `meshclient.engine.aio` on asyncio's protocols, and
`meshclient.engine.blocking` on sockets. Nothing here knows httpx, services or policies: it is given a `Target`, the
bytes of a request head, and how long it may take.
"""
