"""The scripted API server of Kubernetes: a process of its own, run by `servers.kubernetes`."""
