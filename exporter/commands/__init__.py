"""The sub-commands, one file each: `add_parser` declares it, `run` does it."""

from exporter.commands import check, demo, explain, replay, run

COMMANDS = (run, check, explain, replay, demo)
