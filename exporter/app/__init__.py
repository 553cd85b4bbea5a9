"""The wiring: the one place that knows every other room."""

from exporter.app.assembly import assemble, declare
from exporter.app.doubles import doubled, json_logs
from exporter.app.running import Running

__all__ = ["Running", "assemble", "declare", "doubled", "json_logs"]
