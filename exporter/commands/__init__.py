"""The sub-commands, one file each: `add_parser` declares it, `run` does it."""

from exporter.commands import check, demo, explain, lint, maintenance, replay, run

COMMANDS = (run, check, explain, replay, maintenance, lint, demo)
