# cython: language_level=3
"""The compiled engine's fast paths: the lines of a block walked in C, the lock released.

Python is asked for what is new (a head, a spelling), and the walk goes on with the same line. What
is not plain is left to the exact reading. Nothing is moved for a line before all of it is known.
"""

import os
from itertools import accumulate

cimport cython
from cpython.array cimport array
from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free, realloc

from exporter.engine.native.envelopes cimport Entry
from exporter.engine.native.heads cimport Key
from exporter.engine.native.kept cimport KEPT, Kept, outdate
from exporter.engine.native.meant cimport RANK_KIND
from exporter.engine.native.moves cimport (
    ADD, ASK_AMOUNT, ASK_CELL, COUNT, HIGHEST, LAST, LOWEST, OBSERVE, RARE, READ, SET, STAMP, SUM,
    TEST, Chosen, Line, Moves, Op, Present, bucket, moment_of,
)
from exporter.engine.native.wanted cimport wanted_add, wanted_free, wanted_new
from exporter.engine.native.patterns cimport (
    MOST_PATTERNS, STARTS, Clue, Clues, Gap, Pattern, Patterns, start,
)
from exporter.engine.native.choosing cimport Group, Places, Switch, add
from exporter.engine.native.slots cimport (
    ASK, KIND_ESCAPED, KIND_FALSE, KIND_FLOAT, KIND_GO, KIND_INTEGER, KIND_RAW, KIND_STRING,
    KIND_TRUE, NO, YES, Slot,
)
from exporter.engine.native.state cimport (
    ASK_CHOICE, ASK_EXCEPTION, ASK_HEAD, ASK_LEVEL, ASK_MESSAGE, ASK_RARE, ASK_ROOM, ASK_TEXT, ASK_TIME,
    ASK_TURN, ASK_TYPE, DOUBT, ENDED, EXCEPTION_SLOT, FORM_HEADED, FORM_JSON, FORM_LOGFMT, FRESH,
    LOG_SLOT, MESSAGE_SLOT, NAMED, NEVER_TYPE, NO_TYPE, OF_TEXT, OWN_SLOTS, PAIRED, QUIET, RAISED,
    RANKS, RESOLVING, SPOKEN, TAKEN_LANE, TIMED, TIME_SLOT, TRACED, Learned, Needle, Track, Walk,
)
from exporter.engine.native.table cimport (
    MISSING, Spelling, Table, spelling, table_begin, table_clear, table_find, table_put,
)
from exporter.engine.native.recall cimport FIRST_TWO
from exporter.engine.native.taking cimport NOWHERE
from exporter.engine.native.times cimport LOCAL_UNKNOWN, text_seconds
from exporter.engine.native.walk cimport done, enveloped, go, pass_on

from exporter.engine.asking import Choosing, Condition, Labels, Rare
from exporter.engine.beginnings import Beginnings
from exporter.engine.counting import bare
from exporter.engine.exact import UNKNOWN
from exporter.engine.joining import BARE_ERROR, LONGEST_LINE, UNMARKED_LINES, Open
from exporter.engine.meaning import (
    ALEMBIC, CELERY, DOTNET, GUNICORN, JSON, KEYVALUE, NGINX, PREFIXED, PYTHON, UVICORN,
    broken_is_text, exception_name, exception_needles, is_plain_text, of_head, of_message,
)
from exporter.engine.moves import LATE, LATE_SECONDS
from exporter.engine.pairs import is_key
from exporter.engine.pairs import number as raw_number
from exporter.engine.pairs import spelled
from exporter.engine.values import number
from parsers import LEVELS
from parsers.envelopes import STREAMS
from parsers.exceptions import PYTHON_HEAD, exception_type, type_name
from parsers.jsonlines import EXCEPTION_KEYS, LEVEL_KEYS, MESSAGE_KEYS, TIME_KEYS, scalar
from parsers.keyvalue import unescaped
from parsers.levels import level
from parsers.times import seconds

cdef enum:
    CACHED = 4096  # of heads, messages, texts, conditions
    MOST_LITERALS = 1 << 14
    LONGEST_LITERAL = 1024
    SPARE = 4  # spellings kept for each series that the family may have
    USUAL_SPELLING = 128  # bytes; of longer ones fewer are kept
    SPARE_PROGRAMS = 2048
    A_ROW = 128  # bytes: of a table that is a quarter full
    MOST_CHOSEN = 1 << 22  # bytes

_RANKS = (*LEVELS, UNKNOWN)
_FORMS = (
    JSON, KEYVALUE, DOTNET, UVICORN, GUNICORN, NGINX, CELERY, ALEMBIC, PYTHON, PREFIXED, KEYVALUE,
)

# Where each group of keys ends. Who edits them and does not compile again is told at the import.
_GROUPS = (LEVEL_KEYS, MESSAGE_KEYS, TIME_KEYS, EXCEPTION_KEYS)
_ENDS = (MESSAGE_SLOT, TIME_SLOT, EXCEPTION_SLOT, LOG_SLOT)
if tuple(accumulate(map(len, _GROUPS))) != _ENDS or len(_RANKS) != RANKS:
    raise ImportError("it was compiled from other sources")

include "plain.pxi"
include "program.pxi"
include "fitting.pxi"
include "answers.pxi"


@cython.final
cdef class Lines:
    """Counts the lines of one service; the contract of `exporter.engine.counting.Paths`."""

    cdef Answers _answers
    cdef object _counting, _mover, _moment
    cdef array _arena
    cdef bint _busy

    def __cinit__(self, counting: object) -> None:
        self._counting, self._mover = counting, counting.mover
        self._moment, self._arena = self._mover.moment, self._mover.registry.values
        self._answers = Answers(counting)

    def forget(self, *, streams_only: bool) -> None:
        """Forget cells that may mean another series now."""
        self._answers.forget(streams_only)

    def block(self, stream: object, bytes chunk, Py_ssize_t at, Py_ssize_t stop) -> None:
        """Count the lines of a chunk from `at` on; the last ends at `stop`, without its newline."""
        cdef Walk* walk = &self._answers.walk
        cdef Py_ssize_t end
        cdef int64_t[3] counts
        cdef int i
        cdef bint unwrapping = stream.name not in STREAMS
        # Once: each line that is left comes back here.
        cdef bint coloured = chunk.find(b"\x1b", at, stop) >= 0
        names = (stream.name, *STREAMS)
        counts[0] = counts[1] = counts[2] = 0
        try:
            while True:
                lanes = (stream.lane(stream.name), *map(stream.lanes.get, STREAMS))
                if not unwrapping:  # one lane is not taken up twice
                    lanes = (lanes[0], None, None)
                try:
                    at = self._walk(lanes, chunk, at, stop, unwrapping, coloured)
                finally:
                    for i in range(3):
                        counts[i] += walk.tracks[i].count
                if at > stop:
                    break
                end = chunk.find(b"\n", at, stop)
                end = stop if end < 0 else end
                raw = chunk[at : min(end, at + LONGEST_LINE)]
                counts[0] += self._doubtful(stream, lanes[0], raw)
                at = end + 1
        finally:
            for i in range(3):
                if counts[i]:
                    self._counting.lines(names[i], counts[i])

    def inner(self, lane: object, bytes text) -> None:
        """Count what an envelope carried."""
        cdef bint opened = self._answers.walk.opened
        self._answers.walk.opened = False
        if opened:  # the walk has looked at it
            self._counting.one(lane, *bare([text], text))
            return
        for line in bare(text.split(b"\n"), text):
            if not self._takes(lane, line):
                self._counting.one(lane, line)

    cdef bint _takes(self, object lane, bytes line) except -1:
        """Take a line that stands alone, if the walk is sure of it."""
        cdef Py_ssize_t size = len(line)
        return self._walk((lane, None, None), line, 0, size, False, b"\x1b" in line) > size

    cdef int _doubtful(self, object stream, object lane, bytes raw) except -1:
        """Count a line that the walk has left; 0 where an envelope's stream has counted it."""
        (line,) = bare([raw], raw)
        if b"\x1b" in raw and self._takes(lane, line):
            return 1
        if self._counting.enveloped(stream, raw):
            return 0
        self._counting.one(lane, line)
        return 1

    cdef Py_ssize_t _walk(
        self,
        tuple lanes,
        bytes chunk,
        Py_ssize_t at,
        Py_ssize_t stop,
        bint unwrapping,
        bint coloured,
    ) except -1:
        """Take lines from `at` on; where the first that is left begins, behind `stop` for none."""
        cdef Walk* walk = &self._answers.walk
        cdef const char* begin = PyBytes_AS_STRING(chunk)
        cdef int i
        if self._busy:
            raise RuntimeError("a service's lines are counted by two threads at once")
        self._busy = True
        try:
            since = self._mover.since
            walk.has_since = since is not None
            walk.since = since if since is not None else 0.0
            walk.at = begin + at
            walk.end = begin + stop
            walk.coloured = coloured
            walk.unwrapping = unwrapping
            walk.stage = FRESH
            walk.refused = 0
            for i in range(3):
                self._take_up(&walk.tracks[i], lanes[i])
            try:
                self._go()
            finally:  # what was counted is left as it is, whatever Python raised at the next line
                self._answers.hand_over()
                for i in range(3):
                    self._put_down(&walk.tracks[i], lanes[i], i > 0)
        except:
            walk.opened = False
            raise
        finally:
            self._busy = False
        return walk.at - begin

    cdef int _go(self) except -1:
        """Walk, and answer what is asked, until a line is left or the block is over."""
        cdef Walk* walk = &self._answers.walk
        cdef Py_buffer numbers
        cdef int found
        while True:
            # Held, so that the arena cannot be moved while the lock is released: another thread
            # that makes a series meanwhile has a BufferError.
            PyObject_GetBuffer(self._arena, &numbers, PyBUF_WRITABLE)
            try:
                walk.values = <double*>numbers.buf
                walk.present.now = self._moment.now
                walk.present.fresh = self._moment.fresh
                walk.present.soon = self._moment.soon
                quiet = self._mover.registry.windows.quiet
                walk.present.quiet_from, walk.present.quiet_until = quiet
                with nogil:
                    found = go(walk)
            finally:
                PyBuffer_Release(&numbers)
            self._leave()
            if found == ENDED or found == DOUBT or self._answers.answer(found):
                return 0

    cdef int _leave(self) except -1:
        """Let Python see what time the records have brought."""
        cdef Present* present = &self._answers.walk.present
        if present.passed:
            self._mover.registry.windows.turn(present.passed, self._arena)
            present.passed = 0
        if present.now != self._moment.now:
            self._moment.reach(present.now)
        return 0

    cdef int _take_up(self, Track* track, object lane) except -1:
        """What the lane's newest record lets the next lines be."""
        track.head = track.raised = NULL
        track.count, track.kind = 0, -1
        track.ready = track.awaited = track.candidate = False
        if lane is None:
            return 0
        track.ready = not lane.partial and not lane.passing
        track.flags = TAKEN_LANE
        if lane.head is not None:
            return 0
        one = lane.open
        track.flags = PAIRED | SPOKEN
        if one is None:
            return 0
        track.flags = 0 if one.trace == "python" else PAIRED
        if not one.trace:
            track.flags |= SPOKEN
        if one.awaits_message or (one.counted is None and one.candidate):
            return 0
        if one.counted is None and one.message is not None:
            track.flags |= NAMED
            return 0
        track.flags |= QUIET
        if one.trace == "python" and one.counted is None and not one.chained:
            track.flags |= TRACED
        return 0

    cdef int _put_down(self, Track* track, object lane, bint wrapped) except -1:
        """Leave the lane as the lines that were taken leave it."""
        if lane is None:
            return 0
        if track.head != NULL:
            lane.took(*self._line(track.head[: track.head_size], wrapped))
            if track.awaited:
                lane.open = self._awaited(track, lane.head.decode(), wrapped)
                lane.head = None
            elif track.candidate or track.kind >= 0:
                lane.open = Open(
                    lane.head.decode("utf-8", "replace"),
                    candidate=BARE_ERROR if track.candidate else None,
                )
                lane.head = None
        if track.kind >= 0:
            lane.open.counted = self._answers.kind(track.kind)
        if lane.head is not None and track.flags & (TRACED | RAISED):
            lane.open = Open(lane.head.decode("utf-8", "replace"), trace="python")
            lane.head = None
        if track.flags & RAISED:
            line, _ = self._line(track.raised[: track.raised_size], wrapped)
            one = lane.open
            one.trace, one.unmarked = "after", UNMARKED_LINES
            one.counted = exception_type(line.decode("utf-8", "replace"))
        return 0

    cdef object _awaited(self, Track* track, str head, bint wrapped):
        """A record whose message follows its head, or has."""
        if track.message == NULL:
            return Open(head, awaits_message=True)
        line, _ = self._line(track.message[: track.message_size], wrapped)
        return Open(head, message=line.decode("utf-8", "replace").strip())

    cdef tuple _line(self, bytes raw, bint wrapped):
        """A line that was taken, out of its envelope, and the time that this tells."""
        cdef Walk* walk = &self._answers.walk
        cdef Entry* entry = &walk.entry
        cdef double when = 0
        cdef int found
        raw = raw[:LONGEST_LINE]
        text = raw.rstrip(b"\r")
        if not wrapped:
            return text, self._mover.since
        if not enveloped(walk, raw, len(text), len(raw)):
            raise MemoryError  # nothing else hinders what was done before
        found = text_seconds(entry.time, entry.time_size, walk.local, &when)
        since = when if found == YES else None
        if found == ASK:
            since = seconds(entry.time[: entry.time_size].decode(), self._mover.zone)
        return entry.text[: entry.size].rstrip(b"\r"), since
