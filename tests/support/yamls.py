"""YAML of the checkout's own files, read by libyaml where PyYAML has it: in a tenth of the time."""

from __future__ import annotations

from typing import Any

import yaml

QUICK: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # PyYAML may be built without libyaml


def read(text: str) -> Any:
    """What a text says, as `yaml.safe_load` reads it."""
    return yaml.load(text, Loader=QUICK)
