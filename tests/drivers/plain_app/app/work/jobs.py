"""Jobs that end in each way that a job can end."""

from __future__ import annotations

import importlib
import os
import time
from pathlib import Path
from typing import Any

library: Any = importlib.import_module(os.environ["DRIVEN"].split()[-1])


class Works(library.Job):  # type: ignore[misc]  # the library carries no types here
    """Succeeds at once."""

    def run(self) -> None:
        pass


class Breaks(library.Job):  # type: ignore[misc]
    """Fails at once; another attempt comes in an hour."""

    def run(self) -> None:
        message = "broken"
        raise RuntimeError(message)

    def calculate_retry_delay(self, _attempt: int) -> int:
        return 3600

    get_retry_delay = calculate_retry_delay  # its name before 0.38


class Waits(library.Job):  # type: ignore[misc]
    """Runs until the file is there."""

    def __init__(self, path: str) -> None:
        self.path = path

    def run(self) -> None:
        deadline = time.monotonic() + 60
        while not Path(self.path).exists() and time.monotonic() < deadline:
            time.sleep(0.05)


class Defers(library.Job):  # type: ignore[misc]
    """Asks to be run in an hour instead."""

    def run(self) -> None:
        raise library.exceptions.DeferJob(delay=3600)


for job in (Works, Breaks, Waits, Defers):
    library.register_job(job)
