"""Programs that drive a real library, each run by a Python that has the library."""
