"""``meshclient demo``: real processes, real faults, and the same load with and without meshclient."""
