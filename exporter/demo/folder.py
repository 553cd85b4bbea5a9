"""The demo's private folder: made, locked while it is used, and removed, whoever left it."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

PREFIX = "sidewatch-demo-"
KEPT_PREFIX = "sidewatch-kept-demo-"
LOCK = "lock"
SECONDS_TO_LOCK = 60.0


@contextmanager
def private_folder(*, keep: bool = False) -> Iterator[Path]:
    """A folder that only this user can look into; removed at the end unless it is to be kept."""
    folder = Path(tempfile.mkdtemp(prefix=KEPT_PREFIX if keep else PREFIX))  # its mode is 0700
    try:
        with _locked(folder):
            yield folder
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def _locked(folder: Path) -> BinaryIO:
    """Hold the folder's lock until the file is closed. Raises OSError where another does."""
    file = (folder / LOCK).open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise
    return file


def sweep() -> None:
    """Remove this user's folders whose process is gone, as after `kill -9`."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if _mine(folder) and _dead(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _mine(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()


def _dead(folder: Path) -> bool:
    """Whether nobody holds its lock; one that has none yet is given a minute to take it."""
    try:
        if not (folder / LOCK).exists():
            return time.time() - folder.stat().st_mtime > SECONDS_TO_LOCK
        _locked(folder).close()
    except OSError:
        return False
    return True
