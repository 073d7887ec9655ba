"""What the process tells of itself: OpenTelemetry's API only, and nothing at all where nobody uses OpenTelemetry."""
