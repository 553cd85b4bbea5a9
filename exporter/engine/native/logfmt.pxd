"""Logfmt: lines that are pairs from their first byte on; what is not plain is left to Python."""

from libc.stdint cimport uint64_t
from libc.string cimport memchr

from exporter.engine.native.heads cimport is_key_byte, is_letter
from exporter.engine.native.slots cimport KIND_GO, KIND_STRING, KIND_TRUE, Slot
from exporter.engine.native.wanted cimport Wanted, wanted_slot

cdef extern from *:
    """
    /* The slots of the keys that tell the level, the message and the time, in their order. */
    static const int logfmt_levels[3] = {0, 3, 1};
    static const int logfmt_messages[2] = {5, 6};
    static const int logfmt_times[3] = {11, 9, 10};
    """
    const int* LOGFMT_LEVELS "logfmt_levels"
    const int* LOGFMT_MESSAGES "logfmt_messages"
    const int* LOGFMT_TIMES "logfmt_times"

cdef enum:
    LOGFMT_LEVEL_COUNT = 3
    LOGFMT_MESSAGE_COUNT = 2
    LOGFMT_TIME_COUNT = 3


cdef inline bint _parts(char one) noexcept nogil:
    return one == c" " or one == c"\t"


cdef inline bint begins_with_pair(const char* at, const char* end) noexcept nogil:
    """Whether a key touches its equals sign; the line's first byte is a letter."""
    while at < end and is_key_byte(at[0]):
        at += 1
    return at < end and at[0] == c"="


cdef inline const char* _closing(const char* at, const char* end, bint* escaped) noexcept nogil:
    """The quote that closes a value, whose text begins at `at`; NULL for none."""
    cdef const char* begin = at
    cdef const char* before
    escaped[0] = False
    while True:
        at = <const char*>memchr(at, c'"', end - at)
        if at == NULL:
            return NULL
        before = at
        while before > begin and before[-1] == c"\\":
            before -= 1
        if (at - before) % 2 == 0:
            escaped[0] = memchr(begin, c"\\", at - begin) != NULL
            return at
        at += 1


cdef inline bint scan_logfmt(
    const char* at, const char* end, const Wanted* wanted, Slot* slots, uint64_t stamp
) noexcept nogil:
    """Fill the slots of the pairs and flags that are wanted, first come first; False where odd."""
    cdef const char* key
    cdef const char* value
    cdef Py_ssize_t size
    cdef bint escaped
    cdef int kind, slot
    while True:
        while at < end and _parts(at[0]):
            at += 1
        if at == end:
            return True
        key = at
        if not is_letter(at[0]) and at[0] != c"_":
            return False
        while at < end and is_key_byte(at[0]):
            at += 1
        size = at - key
        if at == end or _parts(at[0]):
            kind = KIND_TRUE
            value = b"true"
            slot = wanted_slot(wanted, key, size)
            if slot >= 0 and slots[slot].stamp != stamp:
                _put(&slots[slot], value, 4, kind, stamp)
            continue
        if at[0] != c"=":
            return False
        at += 1
        kind = KIND_STRING
        value = at
        if at < end and at[0] == c'"':
            value = at + 1
            at = _closing(value, end, &escaped)
            if at == NULL or (at + 1 < end and not _parts(at[1])):
                return False
            kind = KIND_GO if escaped else KIND_STRING
        elif at < end and at[0] == c"'":
            return False
        else:
            while at < end and not _parts(at[0]):
                at += 1
        slot = wanted_slot(wanted, key, size)
        if slot >= 0 and slots[slot].stamp != stamp:
            _put(&slots[slot], value, at - value, kind, stamp)
        if at < end and at[0] == c'"':
            at += 1


cdef inline void _put(
    Slot* slot, const char* at, Py_ssize_t size, int kind, uint64_t stamp
) noexcept nogil:
    slot.at = at
    slot.size = size
    slot.kind = kind
    slot.stamp = stamp
