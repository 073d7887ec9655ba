"""Route 53 as a registry: instances as SRV and address records, read back by the core's ``srv://``."""
