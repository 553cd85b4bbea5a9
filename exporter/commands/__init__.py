"""The sub-commands, one file each: `add_parser` declares it, `run` does it."""

from exporter.commands import check, demo, explain, export, maintenance, replay, run, testalert

COMMANDS = (run, check, explain, replay, maintenance, export, testalert, demo)
