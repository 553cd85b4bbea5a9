"""Positions and redaction in, acknowledged batches out: log records to collectors over OTLP."""
