"""From a name to a list of endpoints, kept current in the background."""
