"""Which part of a service's traffic goes where: rules, a split, copies, and a guard over a new version."""
