"""The tests: one file a room; a package, so that they can share `tests.support`."""
