"""The parts of `sidecar.py`: proxies, what they forward to, load, measurements, and the report."""
