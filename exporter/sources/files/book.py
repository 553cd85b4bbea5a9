"""Which file is which: every look is held against what is known, and ends in effects on the sink.

Runs in the source's thread: it reads files and its own records, and never calls the sink itself.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from functools import partial

from msgspec import Struct, field

from exporter.model import Cursor, Sink
from exporter.sources.files.compressed import Body
from exporter.sources.files.discover import Finder, Found, Seen, ident_of, locate
from exporter.sources.files.follow import LONGEST, Follow, Log, begin, pass_over, restore, try_open
from exporter.sources.files.identity import Ident, Place, Print, judge
from exporter.sources.files.kin import (
    alike,
    by_stem,
    candidates,
    in_the_making,
    relation,
    stems,
    still,
)
from exporter.sources.files.names import is_packed, is_rotated
from exporter.sources.files.services import service_of

LINGER = 60.0  # seconds that a file without a name is watched for a last line
FORGET = 24 * 3600.0  # seconds that a file is waited for whose directory may be back tomorrow

logger = logging.getLogger(__name__)
Effect = Callable[[], object]


class Book(Struct):
    """The files of one source, by their inodes.

    `follows` are those that exist (or are still open), `lost` those whose file is not to be found
    now or is another one by now, `dirty` those that may have something to read. `directories` are
    those that the last look went through. `held` are new files, by path with size and time, that
    are not read yet because they may be copies. `again` asks for another look soon.
    """

    name: str
    service: str | None
    from_end: bool
    finder: Finder
    sink: Sink
    follows: dict[Ident, Follow] = field(default_factory=dict)
    lost: dict[Follow, None] = field(default_factory=dict)
    dirty: dict[Follow, None] = field(default_factory=dict)
    directories: dict[str, Ident] = field(default_factory=dict)
    held: dict[str, tuple[int, float]] = field(default_factory=dict)
    again: bool = True
    _first: bool = True
    _births: int = 0
    _here: Cursor | None = None
    _keys: set[str] = field(default_factory=set)
    _logs: dict[Log, list[Follow]] = field(default_factory=dict)
    _effects: list[Effect] = field(default_factory=list)
    _refused: dict[str, str] = field(default_factory=dict)

    def take_up(self, saved: list[Cursor]) -> None:
        """Go on from the cursors of an earlier run; with any of them this is no first start."""
        for cursor in saved:
            follow = restore(cursor)
            if follow is not None:
                self.lost[follow] = None
            else:
                self._here = cursor
            self._keys.add(cursor.key)
            self.sink.open(self.name, cursor)
        self._first = not saved

    def look(self, now: float) -> list[Effect]:
        """Look at the directories; what the sink is to be told of it."""
        self._effects = []
        found = self.finder.find()
        for follow in list(self.follows.values()):
            self._recognise(follow, found, now)
        self.again = False
        new = {ident: seen for ident, seen in found.files.items() if ident not in self.follows}
        self._match(new)
        self._meet(new)
        self._part(found, now)
        self._stay_known()
        self._say_refused(found.refused)
        self.directories = self._watched(found)
        self._first = False
        return self._effects

    def unsettle(self, follow: Follow) -> None:
        """Its file is another one, or none: what it followed has to be found."""
        self.follows.pop(follow.ident, None)
        self.dirty.pop(follow, None)
        follow.close()
        self.lost[follow] = None
        self.again = True

    # -- what is known ----------------------------------------------------------------------

    def _recognise(self, follow: Follow, found: Found, now: float) -> None:
        seen = found.files.get(follow.ident) or locate(follow.real, follow.ident)
        if seen is None:
            self._miss(follow, now)
            return
        size = follow.cursor.offset if follow.packed else seen.size
        grown = (seen.size, seen.mtime) != (follow.size, follow.mtime)
        odd = seen.path != follow.path or (grown and is_rotated(seen.path))
        fits = not odd or self._keeps(follow, seen)
        verdict = judge(follow.path, follow.cursor.offset, size, seen.path, fits=fits)
        if verdict in ("truncated", "rewritten"):
            self.unsettle(follow)  # what it is now is found out among the new files
            return
        follow.settle(seen)
        if verdict == "rotated":
            self._effects.append(follow.save)
        if grown and follow.damaged:
            follow.done = follow.damaged = False
        if not follow.done and (grown or follow.failed or follow.unread()):
            self.dirty[follow] = None

    def _keeps(self, follow: Follow, seen: Seen) -> bool:
        """Whether a rotated file is the same; its inode may be in use again."""
        if follow.body is not None:
            return True  # open all the time, so that nothing else could get its inode
        body = try_open(seen) if is_packed(seen.path) == follow.packed else None
        fits = body is not None and still(follow, seen, body)
        if body is not None:
            body.close()
        return fits

    def _miss(self, follow: Follow, now: float) -> None:
        """Its name is gone: what is open can be read to its end, and the rest may be found."""
        follow.missing = now if follow.missing is None else follow.missing
        if follow.body is None:
            self.unsettle(follow)
        else:
            self.dirty[follow] = None

    # -- who is who -------------------------------------------------------------------------

    def _match(self, new: dict[Ident, Seen]) -> None:
        """Find the files of those who have none; by the inode first, that nobody else takes it."""
        drained = [one for one in self.follows.values() if one.missing is not None and one.drained]
        seekers = [one for one in list(self.lost) if not self._finds_own(one, new)]
        named = by_stem(new.values()) if seekers or drained else {}
        for follow in [*seekers, *drained]:
            if not self._finds_kin(follow, new, named) and follow.broken:
                self._start_over(follow, new)

    def _finds_own(self, follow: Follow, new: dict[Ident, Seen]) -> bool:
        seen = new.get(follow.ident)
        if seen is None:
            return False
        packed = is_packed(seen.path)
        if packed != follow.packed:
            return False
        body = try_open(seen)
        if body is None:  # closed to us now, and held against its print when it is read
            self._adopt(follow, seen, new)
            return True
        offset = follow.cursor.offset
        fits = still(follow, seen, body)
        verdict = judge(follow.path, offset, offset if packed else seen.size, seen.path, fits=fits)
        body.close()
        if verdict in ("same", "rotated"):
            self._adopt(follow, seen, new)
            return True
        if seen.path == follow.path and not is_rotated(seen.path):
            follow.broken = verdict
        return False

    def _finds_kin(
        self, follow: Follow, new: dict[Ident, Seen], named: dict[str, list[Seen]]
    ) -> bool:
        """Whether a copy of its file, compressed or not, or its file with another inode is here."""
        for seen in candidates(follow, named):
            body = try_open(seen) if seen.ident in new else None
            if body is None:
                continue
            kin, done = relation(follow, seen, body)
            if kin == "continues":
                follow.done = done
                self._adopt(follow, seen, new, body)
                return True
            body.close()
            if kin == "counted" and follow.broken:
                self._begin(new.pop(seen.ident), at_end=True)
        return False

    def _start_over(self, follow: Follow, new: dict[Ident, Seen]) -> None:
        """The file was emptied or written anew, and there is no copy of what it held."""
        seen = new.get(follow.ident)
        if seen is None:
            return
        why = follow.broken or "rewritten"
        # The size that the last look saw may be that of what was written anew.
        known = follow.presented if why == "rewritten" else follow.size
        gone = max(0, known - follow.cursor.offset)
        logger.info("%s was %s: it is read from its beginning", seen.path, why)
        if gone:
            self._effects.append(partial(self.sink.lost, follow.cursor, gone, why))
        self._effects.append(partial(self.sink.move, follow.cursor, 0))
        follow.print, follow.presented, follow.done = Print(), 0, False
        self._adopt(follow, seen, new)

    def _adopt(
        self, follow: Follow, seen: Seen, new: dict[Ident, Seen], body: Body | None = None
    ) -> None:
        if self.follows.get(follow.ident) is follow:
            del self.follows[follow.ident]
        self.lost.pop(follow, None)
        follow.close()
        follow.body = body
        follow.settle(seen)
        self._enter(follow)
        self._effects.append(follow.save)
        del new[seen.ident]

    def _enter(self, follow: Follow) -> None:
        self._births += 1
        follow.born = follow.born or self._births
        self.follows[follow.ident] = follow
        if not follow.done and (follow.unread() or not follow.print.end):
            self.dirty[follow] = None

    # -- who is new -------------------------------------------------------------------------

    def _meet(self, new: dict[Ident, Seen]) -> None:
        """Begin with the files that nobody knew, the oldest first; copies of known ones wait."""
        self._logs = {}
        for one in self.follows.values() if new else ():
            self._logs.setdefault(one.log, []).append(one)
        held = {}
        for seen in sorted(new.values(), key=_age):
            if self._is_copy(seen):
                held[seen.path] = (seen.size, seen.mtime)
            else:
                self._begin(seen, at_end=self._first and self.from_end)
        self.held = held

    def _begin(self, seen: Seen, *, at_end: bool) -> None:
        key = self._key(seen.ident)
        service = self.service or service_of(seen.path)
        follow = begin(seen, Cursor(key, service, "file"))
        if at_end:
            pass_over(follow, seen)
        follow.save()
        self._enter(follow)
        self._keys.add(key)
        self._logs.setdefault(follow.log, []).append(follow)
        self._effects.append(partial(self.sink.open, self.name, follow.cursor))

    def _key(self, ident: Ident) -> str:
        stem, number = f"{self.name} {ident[0]}:{ident[1]}", 1
        while f"{stem}.{number}" in self._keys:
            number += 1
        return f"{stem}.{number}"

    def _is_copy(self, seen: Seen) -> bool:
        """Whether it repeats a file that is being followed, or is not finished being written.

        A copy is not read: when its original is truncated or goes, it takes its place.
        """
        packed = is_packed(seen.path)
        if packed and self._first:
            return False
        if packed and self.held.get(seen.path) != (seen.size, seen.mtime):
            return True
        if not seen.size and is_rotated(seen.path):
            return True  # what will be written to it is not known yet
        kin = list(self._kin(seen))
        body = try_open(seen) if kin else None
        if body is None:
            return False
        try:
            if packed:
                return any(in_the_making(seen, body, one) for one in kin)
            return any(self._repeats(seen, body, one) for one in kin)
        finally:
            body.close()

    def _kin(self, seen: Seen) -> Iterator[Follow]:
        """The plain files of its log that can be read, where its name may be a rotated one."""
        directory, name = os.path.split(seen.path)
        for stem in stems(name) - {name}:
            for one in self._logs.get((directory, stem), ()):
                if not (one.drained or one.packed) and one.ident in self.follows:
                    yield one

    def _repeats(self, seen: Seen, body: Body, original: Follow) -> bool:
        try:
            other = original.open()
            if alike(body, other, seen.size):
                return True
            # Unlike; but was it compared with what it was copied from, or was that truncated since?
            whole = other.stat().st_size >= original.cursor.offset
            if whole and original.print.intact(other.at):
                return False
        except OSError:
            return False
        self.unsettle(original)
        return True

    # -- who is gone ------------------------------------------------------------------------

    def _part(self, found: Found, now: float) -> None:
        """Let go of the files that are gone for good."""
        for follow in list(self.follows.values()):
            if follow.missing is None or not follow.drained or now - follow.missing < LINGER:
                continue
            if follow.body is not None and follow.body.stat().st_nlink == 0:
                self._forget(follow)
            else:  # it was moved to where we do not look
                self.unsettle(follow)
        for follow in list(self.lost):
            self._give_up(follow, found, now)

    def _give_up(self, follow: Follow, found: Found, now: float) -> None:
        """Forget a file that is not found again, once it is certain or a day has gone by."""
        follow.missing = now if follow.missing is None else follow.missing
        age = now - follow.missing
        begun_anew = follow.print.end == 0 and follow.ident in self.follows
        if age >= LINGER and not (begun_anew or follow.packed) and (gone := follow.unread()):
            self._effects.append(partial(self.sink.lost, follow.cursor, gone, "vanished"))
            follow.presented = follow.size
        certain = follow.met and os.path.dirname(follow.real) in found.directories
        if begun_anew or age >= (LINGER if certain else FORGET):
            self._forget(follow)

    def _forget(self, follow: Follow) -> None:
        rest = b""
        if follow.body is not None and not follow.packed:
            rest = follow.body.at(follow.cursor.offset, LONGEST)
        self._effects.append(partial(self.sink.finish, follow.cursor, rest))
        if self.follows.get(follow.ident) is follow:
            del self.follows[follow.ident]
        self.dirty.pop(follow, None)
        self.lost.pop(follow, None)
        self._keys.discard(follow.cursor.key)
        follow.close()

    # -- odds and ends ----------------------------------------------------------------------

    def _stay_known(self) -> None:
        """Where no file is known, remember at least having looked: what comes later is new."""
        if self._here is None and not self.follows and not self.lost:
            place: Place = {"looked": True}
            self._here = Cursor(f"{self.name} -", self.service or "", "", 0, dict(place))
            self._effects.append(partial(self.sink.open, self.name, self._here))
        elif self._here is not None and self.follows:
            self._effects.append(partial(self.sink.finish, self._here))
            self._here = None

    def _say_refused(self, refused: dict[str, str]) -> None:
        for path in refused.keys() - self._refused.keys():
            logger.warning("%s cannot be read: %s; it is tried again", path, refused[path])
        self._refused = refused

    def _watched(self, found: Found) -> dict[str, Ident]:
        """The directories in which something may happen, also those of files met elsewhere."""
        parents = {one.real.rpartition("/")[0] or "/" for one in self.follows.values()}
        elsewhere = {path: ident_of(path) for path in parents - found.directories.keys()}
        known = {path: ident for path, ident in elsewhere.items() if ident is not None}
        return found.directories | known


def _age(seen: Seen) -> tuple[float, bool, str]:
    """The order in which new files are read: the oldest first, rotated ones before the live one."""
    return seen.mtime, not is_rotated(seen.path), seen.path
