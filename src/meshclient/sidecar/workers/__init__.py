"""Several processes for one sidecar, which ask one."""
