"""Which file is which: what a stream's bytes look like, and what that says of a file met again.

Pure: the bytes and sizes come in as arguments. An inode alone proves nothing, because file systems
give it to the next file at once, and a truncated file keeps it; so what was counted is remembered
by two fingerprints.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Literal

from msgspec import Struct

HEAD = 1024
MARK = 1024

Ident = tuple[int, int]  # device, inode
Place = Mapping[str, str | int | float | bool | None]
At = Callable[[int, int], bytes]  # up to so many bytes from a position on

Verdict = Literal["same", "rotated", "truncated", "rewritten", "gone"]
Kinship = Literal["continues", "counted", "stranger"]


def digest(data: bytes) -> str:
    """A short fingerprint."""
    return blake2b(data, digest_size=12).hexdigest()


class Print(Struct, frozen=True):
    """Fingerprints of what was counted: its first bytes, and its last ones.

    `head` covers the first `head_size` bytes. `mark` covers `mark_size` bytes up to `end`, which
    is where the cursor stood: whoever goes on reading there holds the bytes before against it.
    """

    head: str = ""
    head_size: int = 0
    mark: str = ""
    mark_size: int = 0
    end: int = 0

    @property
    def start(self) -> int:
        """Where the bytes of the mark begin."""
        return self.end - self.mark_size

    @property
    def strong(self) -> bool:
        """Whether two different logs will hardly share it."""
        return self.head_size == HEAD

    def moved(self, data: bytes, start: int, end: int) -> Print:
        """The print after counting up to `end`; `data` is what lies from `start` on.

        `start` is 0 for as long as the head is not whole, because the mark reaches back that far.
        """
        counted = data[max(0, end - start - MARK) : end - start]
        head, head_size = self.head, self.head_size
        if head_size < HEAD and start == 0:
            head_size = min(HEAD, end)
            head = digest(data[:head_size])
        return Print(head, head_size, digest(counted), len(counted), end)

    def continues(self, data: bytes) -> bool:
        """Whether `data`, read from `start` on, begins with the bytes of the mark."""
        marked = data[: self.mark_size]
        return len(marked) == self.mark_size and (not marked or digest(marked) == self.mark)

    def heads(self, at: At) -> bool:
        """Whether a file begins as what was counted does; what counted nothing knows nothing."""
        return self.head_size > 0 and digest(at(0, self.head_size)) == self.head

    def intact(self, at: At) -> bool:
        """Whether nothing in a file speaks against its being the one that was counted."""
        headed = not self.head_size or self.heads(at)
        return headed and self.continues(at(self.start, self.mark_size))

    def fits(self, at: At) -> bool:
        """Whether a file holds what was counted, up to the cursor."""
        return self.head_size + self.mark_size > 0 and self.intact(at)

    @staticmethod
    def taken(at: At, end: int) -> Print:
        """The print of a file of which everything up to `end` passes for counted."""
        size = min(MARK, end)
        head, mark = at(0, min(HEAD, end)), at(end - size, size)
        return Print(digest(head), len(head), digest(mark), len(mark), end)

    def dump(self) -> dict[str, str | int | float | bool | None]:
        """Plain values, for the saved cursor."""
        return {
            "head": self.head,
            "head_size": self.head_size,
            "mark": self.mark,
            "mark_size": self.mark_size,
            "end": self.end,
        }


def load(place: Place) -> Print:
    """What `dump` gave; raises KeyError, TypeError or ValueError for anything else."""
    return Print(
        str(place["head"]),
        _whole(place["head_size"]),
        str(place["mark"]),
        _whole(place["mark_size"]),
        _whole(place["end"]),
    )


def _whole(value: str | float | None) -> int:
    if isinstance(value, int) and value >= 0:
        return value
    raise ValueError(f"{value!r} is no size")


def judge(path: str, offset: int, size: int | None, now_at: str, *, fits: bool) -> Verdict:
    """What became of a known file: it was at `path` and is now at `now_at`.

    `size` is its size now, None when there is no such inode any more; `fits` tells whether it
    still holds what was counted up to `offset`.
    """
    if size is None:
        return "gone"
    if size < offset:
        return "truncated"
    if not fits:
        return "rewritten"
    return "same" if now_at == path else "rotated"


def kinship(known: Print, size: int | None, *, heads: bool, fits: bool) -> Kinship:
    """What a file of another inode is to a known stream that was truncated or lost its file.

    It continues it (a copy, or the compressed rotated file); or it is an older, shorter copy, all
    of which was counted before the stream's own file was truncated; or it is another log. `size`
    is None where it is not known without unpacking.
    """
    if fits:
        return "continues"
    if heads and size is not None and size < known.end:
        return "counted"
    return "stranger"
