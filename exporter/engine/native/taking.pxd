"""Lines recognised: each kind of line up to the moves that it means; nothing is moved here."""

from libc.stdint cimport int64_t
from libc.string cimport memchr

from exporter.engine.native.heads cimport read_head, read_pairs
from exporter.engine.native.moves cimport TAKEN
from exporter.engine.native.patterns cimport fitting
from exporter.engine.native.raising cimport is_trace, names_nothing, take_exception, take_type
from exporter.engine.native.recall cimport FIRST_TWO, again, fill, known
from exporter.engine.native.scan_json cimport JSON_BROKEN, JSON_READ, scan_json
from exporter.engine.native.slots cimport (
    ASK,
    KIND_ESCAPED,
    KIND_FLOAT,
    KIND_NULLED,
    KIND_OBJECT,
    KIND_STRING,
    NO,
    YES,
    Slot,
)
from exporter.engine.native.state cimport (
    ASK_HEAD,
    ASK_LEVEL,
    ASK_MESSAGE,
    ASK_TEXT,
    DOUBT,
    EXCEPTION_SLOT,
    HEADED,
    LEVEL_SLOT,
    LOG_SLOT,
    MESSAGE_SLOT,
    NAMED,
    NO_LEVEL,
    PAIRED,
    PASSED,
    QUIET,
    SPOKEN,
    TIME_SLOT,
    TRACED,
    TYPE_SLOT,
    Fitting,
    Learned,
    Walk,
)
from exporter.engine.native.table cimport MISSING, Spelling, spelling, table_find
from exporter.engine.native.times cimport json_seconds, text_seconds

cdef enum:
    LONGEST_HEAD = 1024
    LONGEST_TEXT = 256
    DATED = 2
    RANK_KIND = 32
    NOWHERE = -1

cdef inline int take(Walk* walk) noexcept nogil:
    """What the present line is: TAKEN with its moves, PASSED where it moves nothing more, DOUBT."""
    cdef const char* at = walk.line.at
    cdef Py_ssize_t size = walk.line.size
    cdef int found
    walk.line.stamp += 1
    walk.kind = -1
    if size == 0:
        return PASSED
    if at[0] == c" " or at[0] == c"\t":
        if walk.own.flags & QUIET or walk.own.flags & NAMED and names_nothing(at, at + size):
            return PASSED
        return DOUBT
    if at[0] == c"{":
        return take_json(walk)
    if walk.own.flags & (HEADED | TRACED) and at[0] == c"T" and is_trace(walk):
        if walk.own.flags & TRACED:
            return DOUBT
        walk.own.flags = QUIET | TRACED
        return PASSED
    if walk.own.flags & TRACED:
        return take_exception(walk)
    if walk.own.flags & PAIRED:
        found = take_pairs(walk)
        if found != DOUBT:
            return found
    return take_text(walk) if walk.own.flags & SPOKEN else DOUBT


cdef inline void _mean(Walk* walk, const Learned* learned, bint is_json) noexcept nogil:
    walk.is_json = is_json
    walk.line.moves = learned.moves
    walk.line.record = learned.record


cdef inline int take_pairs(Walk* walk) noexcept nogil:
    """A key-value line whose head is known."""
    cdef const char* end = walk.line.at + walk.line.size
    cdef const char* bracket
    cdef const Learned* learned
    cdef Spelling found
    cdef int64_t place
    if not read_head(walk.line.at, end, &walk.front):
        return DOUBT
    # A word in front is where the line begins.
    fill(
        &walk.key[0],
        walk.line.at,
        walk.front.token_size,
        DATED if walk.front.time != NULL else 1,
        walk,
    )
    fill(&walk.key[1], walk.front.at, walk.front.end - walk.front.at, 1, walk)
    place = known(walk, &walk.heads, 2, &found)
    if place == MISSING:
        if walk.key[1].size > LONGEST_HEAD or walk.refused or not again(walk, 2):
            return DOUBT
        return ASK_HEAD
    if place < 0:
        return DOUBT
    if walk.front.token == NULL:
        # What access lines alone have between their time and their request.
        bracket = <const char*>memchr(walk.line.at, c"]", walk.line.size)
        while bracket != NULL and end - bracket >= 3:
            if bracket[1] == c" " and bracket[2] == c'"':
                return DOUBT
            bracket = <const char*>memchr(bracket + 1, c"]", end - bracket - 1)
    learned = &walk.learned[place]
    if learned.key_count and not read_pairs(
        walk.front.end - learned.back, end, learned.keys, learned.key_count, walk.line.slots,
        walk.line.stamp,
    ):
        return DOUBT
    _mean(walk, learned, False)
    return TAKEN


cdef inline int take_text(Walk* walk) noexcept nogil:
    """A text that is known letter for letter: it counts, and moves nothing else."""
    cdef Spelling found
    cdef int64_t told
    if walk.line.size > LONGEST_TEXT:
        return DOUBT
    fill(&walk.key[0], walk.line.at, walk.line.size, 3, walk)
    told = known(walk, &walk.texts, 1, &found)
    if told == MISSING:
        if walk.refused or not again(walk, 1):
            return DOUBT
        return ASK_TEXT
    if told == 0:
        return DOUBT
    _text(walk)
    return TAKEN


cdef inline void _text(Walk* walk) noexcept nogil:
    walk.line.moves = NULL
    walk.line.record = walk.unknown


cdef inline bint _is_plain(const char* at, Py_ssize_t size) noexcept nogil:
    """Whether all bytes are ASCII's printable ones."""
    cdef Py_ssize_t i
    cdef bint odd = False
    for i in range(size):
        odd = odd or not 0x20 <= <unsigned char>at[i] <= 0x7E
    return not odd


cdef inline int take_json(Walk* walk) noexcept nogil:
    """A JSON line that carries no exception and whose message is known at its level."""
    cdef Slot* slots = walk.line.slots
    cdef unsigned long long stamp
    cdef Spelling found
    cdef Slot* message = NULL
    cdef int64_t rank = NO_LEVEL
    cdef int verdict, i
    verdict = scan_json(walk.line.at, walk.line.size, walk.wanted, slots, walk.line.stamp)
    stamp = walk.line.stamp
    if verdict == JSON_BROKEN and walk.broken_is_text:
        if walk.own.flags & SPOKEN and _is_plain(walk.line.at, walk.line.size):
            _text(walk)
            return TAKEN
    if verdict != JSON_READ or slots[LOG_SLOT].stamp == stamp:
        return DOUBT
    for i in range(EXCEPTION_SLOT, LOG_SLOT):
        if slots[i].stamp == stamp and slots[i].size:
            if slots[i].kind == KIND_OBJECT:
                verdict = take_type(walk, i - EXCEPTION_SLOT + TYPE_SLOT)
                if verdict != TAKEN:
                    return verdict
                break
            if slots[i].kind <= KIND_ESCAPED:
                return DOUBT
    for i in range(LEVEL_SLOT, MESSAGE_SLOT):
        if slots[i].stamp == stamp:
            walk.key[0] = slots[i]
            rank = known(walk, &walk.ranks, 1, &found)
            if rank == MISSING:
                walk.subject = i
                return DOUBT if walk.refused else ASK_LEVEL
            if rank >= 0:
                break
            rank = NO_LEVEL
    for i in range(MESSAGE_SLOT, TIME_SLOT):
        if slots[i].stamp == stamp and slots[i].kind != KIND_NULLED:
            message = &slots[i]
            break
    if message == NULL:
        fill(&walk.key[1], walk.line.at, 0, KIND_STRING, walk)
    elif message.kind <= KIND_ESCAPED:
        walk.key[1] = message[0]
    else:
        return DOUBT
    return _take_message(walk, RANK_KIND + <int>rank)


cdef inline int _take_message(Walk* walk, int rank) noexcept nogil:
    """A line of JSON by what its message fits; one with escapes as it is spelled."""
    cdef Slot* message = &walk.key[1]
    cdef Spelling found
    cdef int64_t place
    cdef int parts = 2
    fill(&walk.key[0], walk.line.at, 0, rank, walk)
    if message.kind == KIND_STRING and walk.fitted:
        parts = 1
        found = spelling(&walk.literals, message, FIRST_TWO, 1, walk.line.stamp)
        place = table_find(&walk.literals, message, FIRST_TWO, 1, walk.line.stamp, &found)
        walk.fitting.literal = -1 if place == MISSING else place
        if fitting(
            &walk.patterns, message.at, message.size, walk.line.slots, walk.line.stamp,
            &walk.fitting.patterns,
        ) == ASK:
            return DOUBT
        fill(&walk.key[0], <const char*>&walk.fitting, sizeof(Fitting), rank, walk)
    elif message.size > LONGEST_HEAD:
        return DOUBT
    place = known(walk, &walk.messages, parts, &found)
    if place == MISSING:
        return DOUBT if walk.refused else ASK_MESSAGE
    if place < 0:
        return DOUBT
    _mean(walk, &walk.learned[place], True)
    return TAKEN


cdef inline int time_of(Walk* walk) noexcept nogil:
    """The record's own time, else its envelope's; ASK where only Python reads it."""
    cdef Slot* slot
    cdef int found = NO, i
    if walk.is_json:
        for i in range(TIME_SLOT, EXCEPTION_SLOT):
            slot = &walk.line.slots[i]
            if slot.stamp == walk.line.stamp and slot.kind <= KIND_FLOAT:
                walk.subject = i
                found = json_seconds(slot.kind, slot.at, slot.size, walk.local, &walk.line.time)
                break
    elif walk.front.time != NULL:
        walk.subject = TIME_SLOT
        found = text_seconds(
            walk.front.time, walk.front.time_size, walk.local, &walk.line.time
        )
    walk.line.dated = True
    if found != NO:
        return found
    if not walk.wrapped:
        walk.line.dated = walk.has_since
        walk.line.time = walk.since
        return NO
    walk.subject = NOWHERE
    found = text_seconds(walk.entry.time, walk.entry.time_size, walk.local, &walk.line.time)
    walk.line.dated = found == YES
    return found
