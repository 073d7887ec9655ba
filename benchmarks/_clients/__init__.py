"""The parts of `clients.py`: workloads, rows, the backend, the measured process, and the report."""
