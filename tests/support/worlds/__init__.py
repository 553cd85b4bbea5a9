"""What stands behind the faults of each kind of source, really there: one module a kind."""
