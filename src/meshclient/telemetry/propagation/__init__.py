"""Which trace a call belongs to: read from the headers of what is being served, written to what is sent meanwhile.

One module for each way of writing it down (`trace_context`, `baggage`, `xray`, `b3`, `request_id`), all around one
value (`context.TraceContext`), so that whatever was read can be written in every other form. `reader` reads several of
them at once, `outbound` writes the header lines of an attempt. Nothing here needs OpenTelemetry; where the process uses
it, `active` finds the span that it has open, and that one counts.
"""
