"""The command `sidewatch export`, and an Alertmanager that runs what it writes."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from exporter.commands import export


def exported(*words: str | Path) -> int:
    """Run the command in this process; its exit code."""
    parser = argparse.ArgumentParser()
    export.add_parser(parser.add_subparsers())
    arguments = parser.parse_args(["export", *map(str, words)])
    code: int = arguments.run(arguments)
    return code


def alertmanager_yml(folder: Path, variables: Mapping[str, object]) -> dict[str, Any]:
    """What is written for these variables, its waits shortened and its templates found."""
    options = [f"--set={name}={value}" for name, value in variables.items()]
    assert exported("alertmanager", folder, *options) == 0
    config: dict[str, Any] = yaml.safe_load((folder / "alertmanager.yml").read_text())
    config["templates"] = [str(folder / "sidewatch.tmpl")]
    for route in (config["route"], *config["route"]["routes"]):
        route |= {"group_wait": "1s", "group_interval": "1s"}
    return config
