"""Places where meshclient meets a framework: one file each, imported by whoever uses that framework."""
