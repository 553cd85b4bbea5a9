"""What `bench/growth.py` is made of: processes that are measured, curves, tables and plots."""
