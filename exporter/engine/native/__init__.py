"""The compiled engine: what the reference engine does, without Python for each line."""
