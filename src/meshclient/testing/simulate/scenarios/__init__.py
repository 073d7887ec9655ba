"""What can go wrong with a service, as named simulations."""
