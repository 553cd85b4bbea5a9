"""What an application's shard needs to go on after a restart <-> one file.

The file is a line of text (magic, version, checksum, length) and a MessagePack body. It is written
beside the old one and renamed over it, so that `kill -9` leaves the one or the other. Against power
loss, some are written through to the disk (fsync), and then the one before is kept as `.prev`,
written through as well.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from msgspec import Struct

from exporter.errors import StateError
from exporter.model import Lasting

MAGIC = "sidewatch-state"
VERSION = 2
_LONGEST_HEAD = 256


class StateFile(Struct, frozen=True):
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
        fresh = self.path.with_suffix(".state.new")
        try:
            packed = _packed(state)
            self.folder.mkdir(parents=True, exist_ok=True)
            if sync:
                self._keep_previous()
            _write(fresh, packed, sync=sync)
            fresh.replace(self.path)
            if sync:
                _sync_folder(self.folder)
        except OSError as error:
            raise StateError(f"{self.path}: cannot be saved: {error.strerror or error}") from error
        except (TypeError, ValueError) as error:
            raise StateError(f"{self.path}: cannot be saved: {error}") from error

    def load(self) -> tuple[dict[str, Any] | None, list[str]]:
        """The saved state, or None where there is none that can be used; and what was wrong.

        A file that cannot be used is put aside as `.bad`, so that the next start does not meet it.
        """
        complaints: list[str] = []
        for path in (self.path, self.previous):
            try:
                found = _read(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                complaints.append(f"{path}: cannot be read: {error.strerror}; {_put_aside(path)}")
            except StateError as error:
                complaints.append(f"{error}; {_put_aside(path)}")
            else:
                if path != self.path:
                    complaints.append(f"{self.path}: going on from {path.name}, saved before it")
                return found, complaints
        if complaints:
            complaints.append(f"{self.path}: starting afresh")
        return None, complaints

    def put_aside(self) -> str:
        """Take the newest generation out of the way, for a person to look at; what was done."""
        return _put_aside(self.path)

    def _keep_previous(self) -> None:
        """Keep a copy of what is there now; a link would be spoiled with it."""
        if self.path.is_file():
            kept = self.path.with_suffix(".state.kept")
            _write(kept, self.path.read_bytes(), sync=True)
            kept.replace(self.previous)


def _packed(state: dict[str, Any]) -> bytes:
    body = _ENCODER.encode(state)
    digest = hashlib.blake2b(body, digest_size=16).hexdigest()
    return f"{MAGIC} {VERSION} {digest} {len(body)}\n".encode() + body


def _pack_lasting(value: object) -> msgspec.Raw:
    """What lasts is written once: most of what is saved is the same from save to save."""
    if not isinstance(value, Lasting):
        raise TypeError(f"{type(value).__name__} is no plain value")
    if value.packed is None:
        value.packed = _ENCODER.encode(value.make())
    return msgspec.Raw(value.packed)


_ENCODER = msgspec.msgpack.Encoder(enc_hook=_pack_lasting)


def _write(path: Path, content: bytes, *, sync: bool) -> None:
    with path.open("wb") as file:
        file.write(content)
        if sync:
            file.flush()
            os.fsync(file.fileno())


def _put_aside(path: Path) -> str:
    bad = path.with_name(path.name + ".bad")
    try:
        path.replace(bad)
    except OSError as error:
        return f"it cannot be put aside as {bad.name}: {error.strerror or error}"
    return f"put aside as {bad.name}"


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


def lock(folder: Path) -> tuple[BinaryIO | None, str | None]:
    """Take the state folder for this process alone, until the file is closed.

    No file where the folder cannot be written or locked, and why: nothing is saved there then, or
    nobody can be kept out. Raises StateError where another process has it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "lock").open("ab")
    except OSError as error:
        return None, f"{folder}: cannot be written, so nothing is saved: {error.strerror or error}"
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise StateError(
            f"{folder}: another sidewatch uses this state folder; give each its own `state:`"
        ) from error
    except OSError as error:
        file.close()
        why = error.strerror or error
        return None, f"{folder}: cannot be locked ({why}); let no other sidewatch use it"
    return file, None
