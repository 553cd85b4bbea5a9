"""Lines recognised: each kind of line up to the moves that it means; nothing is moved here."""

from libc.stdint cimport int64_t
from libc.string cimport memchr

from exporter.engine.native.dotnet cimport DOTNET_COLON, take_awaited, take_dotnet
from exporter.engine.native.heads cimport is_key_byte, is_letter, is_upper, read_head, read_pairs
from exporter.engine.native.logfmt cimport (
    LOGFMT_LEVEL_COUNT,
    LOGFMT_LEVELS,
    LOGFMT_MESSAGE_COUNT,
    LOGFMT_MESSAGES,
    LOGFMT_TIME_COUNT,
    LOGFMT_TIMES,
    begins_with_pair,
    scan_logfmt,
)
from exporter.engine.native.loggers cimport (
    take_alembic,
    take_celery,
    take_dashed,
    take_prefixed,
    take_python,
)
from exporter.engine.native.meant cimport (
    mean,
    rank_at,
    rank_of,
    take_message,
    take_told,
)
from exporter.engine.native.moves cimport TAKEN
from exporter.engine.native.raising cimport is_trace, take_exception, take_type
from exporter.engine.native.recall cimport again, ask, fill, known
from exporter.engine.native.saying cimport say
from exporter.engine.native.scan_json cimport JSON_BROKEN, JSON_READ, scan_json
from exporter.engine.native.seeking cimport seek_text
from exporter.engine.native.servers cimport take_gunicorn, take_nginx, take_uvicorn
from exporter.engine.native.slots cimport (
    ASK,
    KIND_ESCAPED,
    KIND_FLOAT,
    KIND_GO,
    KIND_NULLED,
    KIND_OBJECT,
    KIND_STRING,
    KIND_TRUE,
    NO,
    YES,
    Slot,
)
from exporter.engine.native.state cimport (
    ASK_HEAD,
    ASK_LEVEL,
    ASK_TEXT,
    AWAITING,
    CANDIDATE,
    DOUBT,
    EXCEPTION_SLOT,
    FORM_HEADED,
    FORM_JSON,
    FORM_LOGFMT,
    HEADED,
    LEVEL_SLOT,
    LOG_SLOT,
    LONGEST_HEAD,
    MESSAGE_SLOT,
    NAMED,
    PAIRED,
    PASSED,
    QUIET,
    SPOKEN,
    TIME_SLOT,
    TRACED,
    TYPE_SLOT,
    Learned,
    Walk,
)
from exporter.engine.native.table cimport MISSING, Spelling
from exporter.engine.native.telling cimport take_frame, take_named, take_text_type
from exporter.engine.native.times cimport json_seconds, text_seconds

cdef enum:
    LONGEST_TEXT = 256
    DATED = 2
    COLON_UNTIL = 12  # where one stands at the latest behind a level
    NOWHERE = -1

cdef extern from *:
    """
    static const int json_levels[5] = {0, 1, 2, 3, 4};
    static const int json_times[5] = {9, 10, 11, 12, 13};
    """
    const int* JSON_LEVELS "json_levels"
    const int* JSON_TIMES "json_times"


cdef inline int take(Walk* walk) noexcept nogil:
    """What the present line is: TAKEN with its moves, PASSED where it moves nothing more, DOUBT."""
    cdef const char* at = walk.line.at
    cdef Py_ssize_t size = walk.line.size
    cdef int found
    walk.line.stamp += 1
    walk.kind = -1
    walk.candidate = False
    if size == 0:
        return PASSED
    if at[0] == c" " or at[0] == c"\t":
        if walk.own.flags & QUIET:
            return PASSED
        if walk.own.flags & NAMED:
            return take_named(walk)
        if walk.own.flags & CANDIDATE:
            return take_frame(walk)
        return take_awaited(walk) if walk.own.flags & AWAITING else DOUBT
    if at[0] == c"{":
        return take_json(walk)
    if walk.own.flags & (HEADED | TRACED) and at[0] == c"T" and is_trace(at, size):
        if walk.own.flags & TRACED:
            return DOUBT
        walk.own.flags = QUIET | TRACED
        return PASSED
    if walk.own.flags & TRACED:
        return take_exception(walk)
    if walk.own.flags & PAIRED:
        found = take_headed(walk)
        if found != DOUBT:
            return found
    return take_text(walk) if walk.own.flags & SPOKEN else DOUBT


cdef inline int take_headed(Walk* walk) noexcept nogil:
    """A line that is no text, by how it begins; a more particular format comes first."""
    cdef const char* at = walk.line.at
    cdef const char* end = at + walk.line.size
    cdef int found = DOUBT
    if not read_head(at, end, &walk.front):
        if at[0] == c"[":
            found = take_gunicorn(walk)
            return take_celery(_anew(walk)) if found == DOUBT else found
        if c"0" <= at[0] <= c"9":
            found = take_nginx(walk)
            return take_dashed(_anew(walk)) if found == DOUBT else found
        return DOUBT
    if walk.front.at == at:
        if is_upper(at[0]):
            found = take_uvicorn(walk)
            if found == DOUBT:
                found = take_alembic(_anew(walk))
        elif walk.line.size > DOTNET_COLON and at[DOTNET_COLON] == c":":
            found = take_dotnet(walk)
        if found == DOUBT and memchr(at, c":", min(walk.line.size, COLON_UNTIL)) != NULL:
            if not _may_be_access(at, end):
                found = take_prefixed(_anew(walk))
    elif walk.front.token == NULL:
        found = take_python(walk)
    return take_pairs(_anew(walk)) if found == DOUBT else found


cdef inline Walk* _anew(Walk* walk) noexcept nogil:
    """The line, without the fields that a format has told which is not its own after all."""
    walk.line.stamp += 1
    return walk


cdef inline int take_pairs(Walk* walk) noexcept nogil:
    """A key-value line whose head is known."""
    cdef const char* end = walk.line.at + walk.line.size
    cdef const Learned* learned
    cdef Spelling found
    cdef int64_t place
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
    if place == MISSING and walk.key[1].size <= LONGEST_HEAD:
        if ask(walk, ASK_HEAD) == ASK_HEAD and again(walk, 2):
            return ASK_HEAD
    if walk.front.token == NULL and _may_be_access(walk.line.at, end):
        return DOUBT
    if place < 0:
        if place != MISSING and walk.front.at == walk.line.at:
            return take_logfmt(walk)
        return take_spoken(walk)
    learned = &walk.learned[place]
    if learned.key_count and not read_pairs(
        walk.front.end - learned.back, end, learned.keys, learned.key_count, walk.line.slots,
        walk.line.stamp,
    ):
        return DOUBT
    mean(walk, learned, FORM_HEADED)
    return TAKEN


cdef inline int take_spoken(Walk* walk) noexcept nogil:
    """A key-value line that begins with a level: no other format has one, then a space and a letter.

    What its message fits tells what it means, as in other formats.
    """
    cdef const char* line = walk.line.at
    cdef const char* end = walk.front.end
    cdef const char* at = end
    cdef bint bracketed = line[0] == c"["
    cdef int64_t rank
    cdef int verdict
    if walk.front.token == NULL or not walk.fitted:
        return DOUBT
    if end[-1] == c"=":
        at -= 1
        while at > walk.front.at and is_key_byte(at[-1]):
            at -= 1
        if at[-1] != c" " or at == end - 1 or not (is_letter(at[0]) or at[0] == c"_"):
            return DOUBT
        at -= 1
    end = at
    while at > walk.front.at and at[-1] == c" ":
        at -= 1
    if at <= walk.front.at:
        return DOUBT
    rank = rank_at(walk, line + bracketed, walk.front.token_size - 2 * bracketed)
    verdict = take_told(walk, FORM_HEADED, rank, walk.front.at, at)
    if verdict == TAKEN and walk.meant.key_count and not read_pairs(
        end, line + walk.line.size, walk.meant.keys, walk.meant.key_count, walk.line.slots,
        walk.line.stamp,
    ):
        return DOUBT
    return verdict


cdef inline bint _may_be_access(const char* at, const char* end) noexcept nogil:
    """Whether the line has what access lines alone have between their time and their request."""
    return seek_text(at, end, b'] "', 3) != NULL


cdef inline int take_logfmt(Walk* walk) noexcept nogil:
    """A key-value line that begins with a pair."""
    cdef const char* end = walk.line.at + walk.line.size
    cdef Slot* slots = walk.line.slots
    cdef int64_t rank
    cdef int i
    if not begins_with_pair(walk.line.at, end):
        return DOUBT
    if not scan_logfmt(walk.line.at, end, walk.wanted, slots, walk.line.stamp):
        return DOUBT
    rank = rank_of(walk, LOGFMT_LEVELS, LOGFMT_LEVEL_COUNT)
    if rank == MISSING:
        return ask(walk, ASK_LEVEL)
    fill(&walk.key[1], walk.line.at, 0, KIND_STRING, walk)
    for i in range(LOGFMT_MESSAGE_COUNT):
        if slots[LOGFMT_MESSAGES[i]].stamp == walk.line.stamp:
            if slots[LOGFMT_MESSAGES[i]].kind != KIND_TRUE:
                walk.key[1] = slots[LOGFMT_MESSAGES[i]]
                break
    return take_message(walk, FORM_LOGFMT, <int>rank)


cdef inline int take_text(Walk* walk) noexcept nogil:
    """A text that is known letter for letter: it counts, and moves nothing else."""
    cdef Spelling found
    cdef int64_t told
    if walk.line.size > LONGEST_TEXT or _closes(walk):
        return DOUBT
    fill(&walk.key[0], walk.line.at, walk.line.size, 3, walk)
    told = known(walk, &walk.texts, 1, &found)
    if told == MISSING:
        return ask(walk, ASK_TEXT) if again(walk, 1) else DOUBT
    if told == 0:
        return DOUBT
    _text(walk)
    return TAKEN


cdef inline bint _closes(const Walk* walk) noexcept nogil:
    """Whether it is what Node prints behind an error with fields; a mark of order may precede it."""
    return walk.line.size <= 4 and walk.line.at[walk.line.size - 1] == c"}"


cdef inline void _text(Walk* walk) noexcept nogil:
    walk.meant = NULL
    walk.line.record = walk.unknown


cdef inline bint _is_plain(const char* at, Py_ssize_t size) noexcept nogil:
    """Whether all bytes are ASCII's printable ones."""
    cdef Py_ssize_t i
    cdef bint odd = False
    for i in range(size):
        odd = odd or not 0x20 <= <unsigned char>at[i] <= 0x7E
    return not odd


cdef inline int take_json(Walk* walk) noexcept nogil:
    """A JSON line whose message is known at its level, and its exception, if it has one."""
    cdef Slot* slots = walk.line.slots
    cdef unsigned long long stamp
    cdef Slot* message = NULL
    cdef int64_t rank
    cdef int verdict, i
    verdict = scan_json(
        walk.line.at, walk.line.size, walk.limit, walk.wanted, slots, walk.line.stamp
    )
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
                verdict = take_text_type(walk, &slots[i])
                if verdict == TAKEN:
                    break
                if verdict != PASSED:
                    return verdict
    rank = rank_of(walk, JSON_LEVELS, MESSAGE_SLOT - LEVEL_SLOT)
    if rank == MISSING:
        return ask(walk, ASK_LEVEL)
    for i in range(MESSAGE_SLOT, TIME_SLOT):
        if slots[i].stamp == stamp and slots[i].kind != KIND_NULLED:
            message = &slots[i]
            break
    if message == NULL:
        fill(&walk.key[1], walk.line.at, 0, KIND_STRING, walk)
    elif message.kind == KIND_ESCAPED and walk.fitted:
        say(walk, message)
    elif message.kind <= KIND_ESCAPED:
        walk.key[1] = message[0]
    else:
        return DOUBT
    return take_message(walk, FORM_JSON, <int>rank)


cdef inline int time_of(Walk* walk) noexcept nogil:
    """The record's own time, else its envelope's; ASK where only Python reads it."""
    cdef int found = NO
    if walk.form == FORM_JSON:
        found = _slot_time(walk, JSON_TIMES, EXCEPTION_SLOT - TIME_SLOT)
    elif walk.form == FORM_LOGFMT:
        found = _slot_time(walk, LOGFMT_TIMES, LOGFMT_TIME_COUNT)
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


cdef inline int _slot_time(Walk* walk, const int* places, int count) noexcept nogil:
    """The time of the first slot that may tell one."""
    cdef Slot* slot
    cdef int i
    for i in range(count):
        slot = &walk.line.slots[places[i]]
        if slot.stamp == walk.line.stamp and (slot.kind <= KIND_FLOAT or slot.kind == KIND_GO):
            walk.subject = places[i]
            return json_seconds(slot.kind, slot.at, slot.size, walk.local, &walk.line.time)
    return NO
