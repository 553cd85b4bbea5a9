"""The sub-commands, one file each: `add_parser` declares it, `run` does it."""

from exporter.commands import (
    check,
    demo,
    explain,
    export,
    lint,
    maintenance,
    replay,
    run,
    testalert,
)

COMMANDS = (run, check, explain, replay, maintenance, export, testalert, lint, demo)
