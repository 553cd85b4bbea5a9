"""The walk: line by line through a block, for as long as nothing must be asked."""

from libc.math cimport isnan
from libc.stdlib cimport realloc
from libc.string cimport memchr

from exporter.engine.native.choosing cimport choose
from exporter.engine.native.envelopes cimport Entry, cri_entry, docker_entry

from exporter.engine.native.kept cimport KEPT, keep
from exporter.engine.native.moves cimport (
    ADD,
    COUNT,
    OBSERVE,
    RARE,
    READ,
    SET,
    STAMP,
    TAKEN,
    Line,
    Moves,
    Op,
    Present,
    bucket,
    gathered,
    moment_of,
    resolve,
)
from exporter.engine.native.slots cimport ASK, YES
from exporter.engine.native.state cimport (
    ASK_CHOICE,
    ASK_RARE,
    ASK_ROOM,
    ASK_TIME,
    ASK_TURN,
    CANDIDATE,
    CHOOSING,
    DOUBT,
    ENDED,
    FRESH,
    NAMED,
    PAIRED,
    PASSED,
    QUIET,
    RESOLVING,
    SPOKEN,
    TAKEN_LANE,
    TIMED,
    Learned,
    Walk,
)
from exporter.engine.native.taking cimport take, time_of

cdef enum:
    LONGEST = 1 << 20  # more of a line is passed over
    LEAST_ENVELOPE = 28  # a time, a stream and a tag
    MOST_CHOICES = 64  # that a line may ask for before it is left


cdef inline int go(Walk* walk) noexcept nogil:
    """Take lines from where the walk stands; why it stopped."""
    cdef int found
    while True:
        if walk.stage == FRESH:
            if walk.at > walk.end:
                return ENDED
            _cut(walk)
            if walk.coloured and memchr(walk.line.at, 0x1B, walk.line.size) != NULL:
                return DOUBT
            if walk.unwrapping and not _unwrap(walk):
                return DOUBT
            found = take(walk)
            if found == PASSED:
                pass_on(walk)
                continue
            if found != TAKEN:
                walk.opened = walk.wrapped
                return found
            if walk.meant == NULL:
                walk.values[walk.unparsed] += 1.0
                walk.values[walk.line.record] += 1.0
                done(walk)
                continue
            walk.choices = 0
            walk.stage = CHOOSING
        if walk.stage == CHOOSING:
            if walk.meant.groups != NULL:
                found = _choose(walk)
                if found != TAKEN:
                    return found
            if walk.line.chosen.exemplars > KEPT:
                walk.opened = walk.wrapped
                return DOUBT
            if walk.kept_count + walk.line.chosen.exemplars > KEPT:
                return ASK_ROOM
            walk.line.turn = walk.line.op = 0
            walk.line.amount = ASK
            walk.line.told = walk.line.late = False
            walk.stage = RESOLVING
            if walk.line.chosen.timed:
                walk.stage = TIMED
                if time_of(walk) == ASK:
                    return ASK_TIME
        if walk.stage == TIMED:
            walk.stage = RESOLVING
            if _arrive(walk):
                return ASK_TURN
        found = resolve(&walk.line)
        if found != TAKEN:
            return found
        if apply(walk):
            return ASK_RARE
        done(walk)


cdef inline int _choose(Walk* walk) noexcept nogil:
    """Have the line ask for the rules that its fields choose."""
    cdef const Learned* learned = walk.meant
    cdef int i
    walk.chosen.count = walk.chosen.exemplars = 0
    walk.chosen.timed = walk.chosen.rare = False
    walk.line.chosen = &walk.chosen
    for i in range(learned.group_count):
        walk.undecided = choose(
            learned.groups[i], walk.line.slots, walk.line.stamp, walk.ranked, &walk.chosen
        )
        if walk.undecided != NULL:
            walk.choices += 1
            if walk.choices <= MOST_CHOICES:
                return ASK_CHOICE
            walk.opened = walk.wrapped  # it cannot be remembered
            return DOUBT
    return TAKEN


cdef inline void _cut(Walk* walk) noexcept nogil:
    """The present line: up to the next newline, without what stands at its end."""
    cdef const char* end = <const char*>memchr(walk.at, c"\n", walk.end - walk.at)
    if end == NULL:
        end = walk.end
    walk.next = end + 1
    walk.limit = walk.end
    if end - walk.at > LONGEST:
        end = walk.at + LONGEST
    walk.own = &walk.tracks[0]
    walk.wrapped = walk.opened = False
    _bare(walk, walk.at, end)


cdef inline void _bare(Walk* walk, const char* at, const char* end) noexcept nogil:
    """Have the line without what a terminal left at its end."""
    while end > at and end[-1] == c"\r":
        end -= 1
    walk.line.at = at
    walk.line.size = end - at


cdef inline bint _unwrap(Walk* walk) noexcept nogil:
    """Take an envelope off, where there is one; False where Python must."""
    cdef Entry* entry = &walk.entry
    cdef const char* at = walk.line.at
    # Of a CRI line the text is all there is, with what stands at its end.
    if not enveloped(walk, at, walk.line.size, min(walk.next - 1 - at, LONGEST)):
        return True
    walk.own = &walk.tracks[2 if entry.error else 1]
    if entry.partial or not walk.own.ready:
        return False
    # What is not unescaped is part of a line, of a block that was looked through.
    if not entry.plain and entry.text == walk.scratch and (
        memchr(entry.text, c"\n", entry.size) != NULL or memchr(entry.text, 0x1B, entry.size) != NULL
    ):
        return False
    walk.wrapped = True
    if entry.text == walk.scratch:
        walk.limit = walk.scratch + walk.room
    _bare(walk, entry.text, entry.text + entry.size)
    return True


cdef inline bint enveloped(
    Walk* walk, const char* at, Py_ssize_t size, Py_ssize_t whole
) noexcept nogil:
    """Whether a line is in an envelope, which is the walk's `entry` then.

    `whole` is its size with what a terminal left at its end.
    """
    if size < LEAST_ENVELOPE:
        return False
    if at[0] != c"{":
        return c"0" <= at[0] <= c"9" and cri_entry(at, whole, &walk.entry) == YES
    if at[2] != c"l" or at[3] != c"o" or at[4] != c"g" or not _has_room(walk, size):
        return False  # it is read as a line of its own, and left for its key
    return docker_entry(at, size, walk.scratch, &walk.entry) == YES


cdef inline bint _has_room(Walk* walk, Py_ssize_t size) noexcept nogil:
    """Whether an envelope's text can be unescaped."""
    cdef char* scratch
    if size > walk.room:
        scratch = <char*>realloc(walk.scratch, 2 * size)
        if scratch == NULL:
            return False
        walk.scratch = scratch
        walk.room = 2 * size
    return True


cdef inline void pass_on(Walk* walk) noexcept nogil:
    """Be at the next line."""
    walk.at = walk.next
    walk.own.count += 1
    walk.stage = FRESH
    walk.refused = 0


cdef inline void done(Walk* walk) noexcept nogil:
    """The line is counted: it is the newest head, or its message."""
    if walk.line.record < 0:
        walk.own.message = walk.at
        walk.own.message_size = walk.next - 1 - walk.at
        walk.own.flags = NAMED | PAIRED | SPOKEN
        pass_on(walk)
        return
    walk.own.awaited = False
    walk.own.head = walk.at
    walk.own.head_size = walk.next - 1 - walk.at
    walk.own.kind = walk.kind
    walk.own.candidate = walk.candidate
    if walk.candidate:
        walk.own.flags = CANDIDATE | PAIRED | SPOKEN
    else:
        walk.own.flags = TAKEN_LANE if walk.kind < 0 else QUIET | PAIRED | SPOKEN
    pass_on(walk)


cdef inline bint _arrive(Walk* walk) noexcept nogil:
    """Be at the record's time; whether windows must be turned for it."""
    cdef double at = walk.line.time
    cdef Present* present = &walk.present
    if not walk.line.dated or present.fresh <= at < present.soon:
        return False
    walk.line.late = at < present.fresh
    if walk.line.late or not present.replaying:
        return False
    moment_of(present, True, at)
    if present.quiet_from <= present.now < present.quiet_until:
        present.passed = present.now
        return False
    return True


cdef inline bint apply(Walk* walk) noexcept nogil:
    """Move what was resolved; whether something is left for Python."""
    cdef Line* line = &walk.line
    cdef Op* op
    cdef const Moves* moves
    cdef bint left = line.chosen.rare
    cdef double when
    cdef int turn, i
    if line.record >= 0:
        walk.values[line.record] += 1.0
    if walk.kind >= 0:
        walk.values[walk.kinds[walk.kind]] += 1.0
    for turn in range(line.chosen.count):
        moves = line.chosen.all[turn]
        for i in range(moves.count):
            op = &moves.ops[i]
            if op.cell < 0:
                continue
            if op.action == COUNT:
                walk.values[op.cell] += 1.0
            elif op.action == ADD:
                walk.values[op.cell] += op.amount * op.scale
            elif op.action == OBSERVE:
                left = _observe(walk, op) or left
            elif op.action == SET:
                if line.late:
                    if op.cell:
                        walk.values[walk.late] += 1.0
                else:
                    walk.values[op.cell] = gathered(
                        op.aggregate, walk.values[op.cell], op.amount * op.scale
                    )
            elif op.action == READ or op.action == STAMP:
                when = moment_of(&walk.present, line.dated, line.time)
                if op.action == READ:
                    when = walk.present.now
                if isnan(walk.values[op.cell]) or when > walk.values[op.cell]:
                    walk.values[op.cell] = when
    return left


cdef inline bint _observe(Walk* walk, Op* op) noexcept nogil:
    """Put a value into its bucket; whether its exemplar must be handed over at once."""
    cdef Line* line = &walk.line
    cdef double value = op.amount * op.scale
    cdef double when = line.time
    cdef long long cell = op.cell + bucket(op, value)
    walk.values[cell] += 1.0
    walk.values[op.cell + op.bounds + 1] += value
    op.handed = False
    if op.exemplar < 0 or line.slots[op.exemplar].stamp != line.stamp:
        return False
    if not line.dated or when > walk.present.now:
        when = moment_of(&walk.present, line.dated, when)
    op.handed = not keep(
        walk.kept, &walk.kept_count, &walk.places, line, op, cell, value, when
    )
    return op.handed
