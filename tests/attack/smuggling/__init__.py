"""Raw requests and responses that can be smuggled or are malformed, with what a proxy has to do with each."""
