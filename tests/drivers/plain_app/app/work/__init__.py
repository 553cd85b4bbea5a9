"""The package in which every generation of the library looks for jobs."""
