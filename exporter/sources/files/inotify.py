"""The kernel's inotify(7): what happens in watched directories, a batch of events at a time.

Called by itself: the libraries make a path, two enumerations and a future of each event, ten times
what it costs to read the line that it tells of.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator

MODIFY, ATTRIB = 0x2, 0x4
CREATE, DELETE, MOVED = 0x100, 0x200, 0x40 | 0x80
DELETE_SELF, MOVE_SELF = 0x400, 0x800
OVERFLOWN, IGNORED, ONLY_DIRECTORIES = 0x4000, 0x8000, 0x1000000

_HEAD = struct.Struct("iIII")  # watch, mask, cookie, size of the name with the zeros behind it
_ROOM = 1 << 16

Event = tuple[int, int, str]  # watch, mask, the name of what is in the directory; "" for itself


class Inotify:
    """One instance of it. Raises OSError where there is none, or no more of them."""

    def __init__(self) -> None:
        try:
            self._libc = ctypes.CDLL(None, use_errno=True)
            self.fd = self._called(self._libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK))
        except AttributeError as error:
            raise OSError("this system does not have it") from error

    def watch(self, directory: str, mask: int) -> int:
        """Tell of what happens in this directory; the number of its watch. Raises OSError."""
        path = os.fsencode(directory)
        return self._called(self._libc.inotify_add_watch(self.fd, path, ctypes.c_uint32(mask)))

    def drop(self, watch: int) -> None:
        """Tell no more of this directory. Raises OSError, also where it is gone."""
        self._called(self._libc.inotify_rm_watch(self.fd, watch))

    def events(self) -> Iterator[Event]:
        """What happened, as far as it was told, in order and without the same again."""
        try:
            data = os.read(self.fd, _ROOM)
        except BlockingIOError:
            data = b""
        return iter(dict.fromkeys(_split(data)))

    def close(self) -> None:
        """Let go of all watches."""
        os.close(self.fd)

    @staticmethod
    def _called(result: int) -> int:
        if result < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        return result


def _split(data: bytes) -> Iterator[Event]:
    end = 0
    while end < len(data):
        watch, mask, _, size = _HEAD.unpack_from(data, end)
        start = end + _HEAD.size
        end = start + size
        yield watch, mask, os.fsdecode(data[start:end].rstrip(b"\0"))
