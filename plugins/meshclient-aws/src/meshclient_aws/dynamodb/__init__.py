"""A table of DynamoDB as a registry: items are instances, the table's stream tells of changes, a TTL ends leases."""
