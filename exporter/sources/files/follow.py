"""One file that is being read: its cursor, where it is, and the next chunk of it."""

from __future__ import annotations

import errno
import os
from urllib.parse import quote, unquote

from msgspec import Struct, field

from exporter.model import Cursor
from exporter.sources.files.compressed import Body, Packed, Plain
from exporter.sources.files.discover import Seen
from exporter.sources.files.identity import HEAD, At, Ident, Print, Verdict, judge, load
from exporter.sources.files.names import is_packed, live_name
from exporter.sources.portions import Portions

CHUNK = 1 << 18
BACK = 1 << 16  # how far back from its end the last whole line of a file is looked for
ODD_BYTES = "surrogateescape"  # a file's name may be any bytes, the saved state is UTF-8
LONGEST = 1 << 20  # a line longer than this is counted in pieces
Log = tuple[str, str]  # directory, live name: what rotated files have in common


class Part(Struct, frozen=True):
    """A piece of a file: `data` from `start` on, of which the first `skip` bytes are counted."""

    data: bytes
    start: int
    skip: int


class Follow(Struct, eq=False):
    """A file and the cursor in it.

    `path` is where it was found, `real` the same without links. `size` and `mtime` are those of
    the last look, on disk. `presented` is the end of what the sink was shown, `reach` how much it
    is shown at once. `done`: a compressed file that was read to its end. `missing` is since when
    its name is gone (seconds since 1970), `drained` that it was read to its end after that.
    `met` tells that it was seen since the source was opened, `broken` what became of its file,
    `failed` why it cannot be read now, `damaged` that a compressed file broke off. `born` orders
    the files of a log, the oldest first. `portions` are how much of it is fed at once.
    """

    cursor: Cursor
    path: str
    real: str
    ident: Ident
    print: Print
    size: int = 0
    mtime: float = 0.0
    done: bool = False
    body: Body | None = None
    presented: int = 0
    reach: int = CHUNK
    missing: float | None = None
    drained: bool = False
    met: bool = True
    broken: Verdict | None = None
    failed: str | None = None
    damaged: bool = False
    born: int = 0
    lag: tuple[int, float] | None = None
    portions: Portions = field(default_factory=Portions)
    _spelled: tuple[str, str, str] | None = None

    @property
    def packed(self) -> bool:
        """Whether it is compressed."""
        return is_packed(self.path)

    @property
    def log(self) -> Log:
        """What it shares with its rotated files."""
        return log_of(self.path)

    def open(self) -> Body:
        """What is read from. Raises OSError."""
        if self.body is None:
            self.body = open_body(self.path, self.ident)
        return self.body

    def close(self) -> None:
        """Let go of the file; it is opened again when it is read."""
        if self.body is not None:
            self.body.close()
            self.body = None

    def unread(self) -> int:
        """Bytes on disk that were never read; of a compressed file all of it, until it is done."""
        if self.packed:
            return 0 if self.done else self.size
        return max(0, self.size - max(self.cursor.offset, self.presented))

    def read(self) -> Part | Verdict:
        """What comes next, with the verdict "same" where nothing does. Raises OSError.

        Reading begins with the bytes of the mark, so that nothing is counted which does not stand
        behind what was counted before.
        """
        body = self.open()
        return self._next(body.stat(), body.at, self.reach)

    def glance(self) -> Part | Verdict | None:
        """The same, of a portion, where it is open and no disk or network has to be waited for.

        None where that is not so.
        """
        if not (isinstance(self.body, Plain) and self.body.prompt):
            return None
        body, status = self.body, self.body.stat()
        grown = max(0, status.st_size - self.cursor.offset)
        reach = min(grown, self.portions.size, CHUNK)
        if grown > reach and self.presented > self.cursor.offset:
            return None  # a line longer than a portion
        try:
            return self._next(status, body.at_once, reach)
        except OSError:
            return None  # whoever can wait for it learns what is wrong

    def _next(self, status: os.stat_result, at: At, reach: int) -> Part | Verdict:
        offset, size = self.cursor.offset, status.st_size
        if self._only_grew_a_line(at, size):
            self.size, self.mtime, self.presented = size, status.st_mtime, size
            return "same"
        start = self.print.start
        data = at(start, offset - start + reach)
        fits = self.print.continues(data) and len(data) >= offset - start
        verdict = judge(self.path, offset, offset if self.packed else size, self.path, fits=fits)
        if verdict != "same":
            return verdict
        self.size, self.mtime = size, status.st_mtime
        if len(data) == offset - start:
            return verdict
        return Part(data, start, offset - start)

    def _only_grew_a_line(self, at: At, size: int) -> bool:
        """Whether the line that was shown unfinished is longer now and unfinished still."""
        offset = self.cursor.offset
        if self.packed or not offset < self.presented < size or size - offset >= LONGEST:
            return False
        return b"\n" not in at(self.presented, size - self.presented)

    def moved(self, part: Part) -> None:
        """The sink has moved the cursor on, within the part."""
        self.print = self.print.moved(part.data, part.start, self.cursor.offset)
        self.save()

    def fed(self, part: Part) -> None:
        """The sink was shown the part to its end; half a line of it may be left."""
        self.presented = part.start + len(part.data)
        consumed = self.cursor.offset > part.start + part.skip
        starved = not consumed and len(part.data) - part.skip >= self.reach
        self.reach = LONGEST if starved else CHUNK

    def ended(self) -> bool:
        """Whether the sink was shown everything there was at the last reading."""
        if isinstance(self.body, Packed):
            return self.body.complete or self.body.damage is not None
        return self.presented >= self.size

    def unpacked(self) -> str | None:
        """A compressed file was read as far as it goes; what is wrong with it, if anything."""
        damage = self.body.damage if isinstance(self.body, Packed) else None
        self.done, self.damaged = True, damage is not None
        self.close()
        self.save()
        return damage

    def save(self) -> None:
        """Write into the cursor what a restart needs; in one step, should it be saved meanwhile."""
        spelled = self._spelled
        if spelled is None or spelled[0] is not self.path:
            path, real = (quote(each, errors=ODD_BYTES) for each in (self.path, self.real))
            self._spelled = spelled = self.path, path, real
        self.cursor.place = {
            "path": spelled[1],
            "real": spelled[2],
            "dev": self.ident[0],
            "inode": self.ident[1],
            "size": self.size,
            "done": self.done,
            **self.print.dump(),
        }

    def settle(self, seen: Seen) -> None:
        """It was found, here."""
        if seen.path != self.path:
            self.path, self.real = seen.path, os.path.realpath(seen.path)
        self.ident = seen.ident
        self.size, self.mtime = seen.size, seen.mtime
        self.missing, self.drained, self.met, self.broken = None, False, True, None


def restore(cursor: Cursor) -> Follow | None:
    """What a saved cursor followed; None where its place does not tell."""
    place = cursor.place or {}
    try:
        ident = int(place["dev"] or 0), int(place["inode"] or 0)
        known, size = load(place), int(place["size"] or 0)
        path, real = (unquote(str(place[key]), errors=ODD_BYTES) for key in ("path", "real"))
    except (KeyError, TypeError, ValueError):
        return None
    done = place.get("done") is True
    return Follow(cursor, path, real, ident, known, size=size, done=done, met=False)


def begin(seen: Seen, cursor: Cursor) -> Follow:
    """A file that was not known, from its beginning."""
    follow = Follow(cursor, seen.path, os.path.realpath(seen.path), seen.ident, Print())
    follow.settle(seen)
    return follow


def pass_over(follow: Follow, seen: Seen) -> None:
    """Let what is there now be counted, but for a last line that is unfinished.

    A compressed file is done with. It keeps a print of its beginning, enough to know it by.
    """
    body = try_open(seen)
    end = 0 if follow.packed else seen.size
    if body is None:
        follow.print = Print(end=end)
    else:
        if follow.packed:
            end = len(body.at(0, HEAD))
        else:
            last = body.at(max(0, end - BACK), min(BACK, end))
            end -= len(last) - 1 - last.rfind(b"\n") if b"\n" in last else 0
        follow.print = Print.taken(body.at, end)
        body.close()
    follow.done = follow.packed
    follow.cursor.offset = 0 if follow.packed else end


def try_open(seen: Seen) -> Body | None:
    """The bytes of a file, if they can be read."""
    try:
        return open_body(seen.path, seen.ident)
    except OSError:
        return None


def open_body(path: str, ident: Ident) -> Body:
    """The bytes of a file. Raises OSError, also where another file has its name by now."""
    body: Body = Packed(path) if is_packed(path) else Plain(path)
    status = body.stat()
    if (status.st_dev, status.st_ino) != ident:
        body.close()
        raise FileNotFoundError(errno.ENOENT, "another file has this name now", path)
    return body


def log_of(path: str) -> Log:
    """The directory, and the name under which the file was written."""
    directory, name = os.path.split(path)
    return directory, live_name(name)
