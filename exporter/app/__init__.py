"""The wiring: the one place that knows every other room."""
