"""The asynchronous side of `meshclient.rpc`; the synchronous one is generated from it."""
