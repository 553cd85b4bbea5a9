"""Which containers' logs are read as files as well: told from what Docker keeps beside them."""

from __future__ import annotations

import json
import re
from pathlib import Path

from exporter.sources.docker.settings import Selection

JSON_LOG = re.compile(r"[0-9a-f]{64}-json\.log")
_LARGEST = 1 << 20


def reads_twice(selection: Selection, path: Path) -> bool:
    """Whether a json-file log is of a container that is selected.

    A file whose container's configuration is not beside it, or may not be read, tells nothing.
    """
    if not JSON_LOG.fullmatch(path.name):
        return False
    try:
        with (path.parent / "config.v2.json").open("rb") as file:
            found = json.loads(file.read(_LARGEST))
        labels = found["Config"]["Labels"] or {}
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return isinstance(labels, dict) and selection.fits(labels)
