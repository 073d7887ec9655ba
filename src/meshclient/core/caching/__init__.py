"""The decisions of an HTTP cache (RFC 9111), without a store, a clock or a connection.

`reuse.decide` says what answers a request, `reception.received` what a response changes, `staleness.fallback` what may
stand in when there is no response. Between them lies whatever sends and stores.
"""
