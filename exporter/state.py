"""What an application's shard needs to go on after a restart <-> one file.

The file is a line of text (magic, version, checksum, length) and a MessagePack body. It is written
beside the old one and renamed over it, so that `kill -9` leaves the one or the other. The last
generation known to be on the disk (fsync) is kept as `.prev`, for power loss.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from exporter.errors import StateError

MAGIC = "sidewatch-state"
VERSION = 1
_LONGEST_HEAD = 256


@dataclass(frozen=True, slots=True)
class StateFile:
    """The saved state of one application. `folder` holds those of all."""

    folder: Path
    app: str

    @property
    def path(self) -> Path:
        """Where the newest generation lies."""
        return self.folder / f"{self.app}.state"

    @property
    def previous(self) -> Path:
        """Where the last generation lies that is surely on the disk."""
        return self.path.with_suffix(".state.prev")

    def save(self, state: dict[str, Any], *, sync: bool) -> None:
        """Replace the saved state; with `sync` it survives a power loss. Raises StateError."""
        body = msgspec.msgpack.encode(state)
        digest = hashlib.blake2b(body, digest_size=16).hexdigest()
        fresh = self.path.with_suffix(".state.new")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with fresh.open("wb") as file:
                file.write(f"{MAGIC} {VERSION} {digest} {len(body)}\n".encode())
                file.write(body)
                if sync:
                    file.flush()
                    os.fsync(file.fileno())
            if sync:
                self._keep_previous()
            fresh.replace(self.path)
            if sync:
                _sync_folder(self.folder)
        except OSError as error:
            raise StateError(f"{self.path}: cannot be saved: {error.strerror or error}") from error

    def load(self) -> tuple[dict[str, Any] | None, list[str]]:
        """The saved state, or None where there is none that can be used; and what was wrong.

        A file that cannot be used is put aside as `.bad`, so that the next start does not meet it.
        """
        complaints: list[str] = []
        for path in (self.path, self.previous):
            try:
                return _read(path), complaints
            except FileNotFoundError:
                continue
            except (StateError, OSError) as error:
                complaints.append(f"{error}; put aside as {path.name}.bad")
                self._put_aside(path)
        return None, complaints

    def _keep_previous(self) -> None:
        if self.path.exists():
            kept = self.path.with_suffix(".state.kept")
            kept.unlink(missing_ok=True)
            os.link(self.path, kept)
            kept.replace(self.previous)

    def _put_aside(self, path: Path) -> None:
        try:
            path.replace(path.with_name(path.name + ".bad"))
        except OSError:
            return  # a folder that cannot be written: the first save says so


def _read(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        head = file.readline(_LONGEST_HEAD).decode("ascii", "replace").split()
        body = file.read()
    if len(head) != 4 or head[0] != MAGIC:
        raise StateError(f"{path}: is not a state of sidewatch")
    if head[1] != str(VERSION):
        raise StateError(f"{path}: is of version {head[1]}, this sidewatch reads {VERSION}")
    digest = hashlib.blake2b(body, digest_size=16).hexdigest()
    if digest != head[2] or str(len(body)) != head[3]:
        raise StateError(f"{path}: is damaged (its checksum is not that of its content)")
    try:
        found = msgspec.msgpack.decode(body)
    except msgspec.DecodeError as error:
        raise StateError(f"{path}: is damaged ({error})") from error
    if not isinstance(found, dict):
        raise StateError(f"{path}: is damaged (it holds no state)")
    return found


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def lock(folder: Path) -> BinaryIO:
    """Take the state folder for this process alone, until the file is closed. Raises StateError."""
    path = folder / "lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
    except OSError as error:
        raise StateError(f"{folder}: cannot be written: {error.strerror or error}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise StateError(
            f"{folder}: another sidewatch uses this state folder; give each its own `state:`"
        ) from error
    return file
