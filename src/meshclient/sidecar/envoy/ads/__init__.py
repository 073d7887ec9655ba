"""A configuration server for many Envoys: the aggregated discovery service (ADS) over gRPC."""
