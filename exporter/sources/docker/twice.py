"""Which containers' logs are read as files as well: told from what Docker keeps beside them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

JSON_LOG = re.compile(r"[0-9a-f]{64}-json\.log")
_LARGEST = 1 << 20


def labels_of(path: Path) -> Mapping[str, str] | None:
    """The labels of the container whose json-file log this is.

    None of another file, and of one whose container's configuration is not beside it, or may not be
    read.
    """
    if not JSON_LOG.fullmatch(path.name):
        return None
    try:
        with (path.parent / "config.v2.json").open("rb") as file:
            found = json.loads(file.read(_LARGEST))
        labels = found["Config"]["Labels"] or {}
        return {str(name): str(value) for name, value in labels.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
