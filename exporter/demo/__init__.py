"""`sidewatch demo`: simulated applications with real-format logs, watched by the real sidewatch."""
