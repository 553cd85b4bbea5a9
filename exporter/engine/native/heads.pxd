"""Heads and pairs of key-value lines; what is not plain here is left to Python."""

from libc.stdint cimport uint64_t
from libc.string cimport memchr, memcmp

from exporter.engine.native.slots cimport KIND_RAW, Slot
from exporter.engine.native.times cimport head_time

cdef enum:
    LEVEL_LEAST = 3
    LEVEL_MOST = 13


cdef struct Head:
    const char* token  # an upper-case word in front, or one in brackets; NULL for none
    Py_ssize_t token_size
    const char* time  # NULL for none
    Py_ssize_t time_size
    const char* at  # what follows, up to the first equals sign or the end
    const char* end


cdef struct Key:
    const char* at
    Py_ssize_t size
    int slot


cdef inline bint is_upper(char one) noexcept nogil:
    return c"A" <= one <= c"Z"


cdef inline bint is_letter(char one) noexcept nogil:
    return c"A" <= one <= c"Z" or c"a" <= one <= c"z"


cdef inline bint is_shown(char one) noexcept nogil:
    """Whether it is ASCII, and neither a space nor a control character."""
    return 0x20 < <unsigned char>one < 0x7F


cdef inline const char* behind_blanks(const char* at, const char* end) noexcept nogil:
    """Behind the spaces and tabs that stand there."""
    while at < end and (at[0] == c" " or at[0] == c"\t"):
        at += 1
    return at


cdef inline bint is_key_byte(char one) noexcept nogil:
    """Whether a key may go on with it."""
    return (
        c"a" <= one <= c"z" or c"A" <= one <= c"Z" or c"0" <= one <= c"9"
        or one == c"_" or one == c"." or one == c"-"
    )


cdef inline Py_ssize_t _token(const char* line, const char* end) noexcept nogil:
    """The length of an upper-case word, or of one in brackets, that a space follows; 0 for none."""
    cdef bint bracketed = line < end and line[0] == c"["
    cdef const char* at = line + bracketed
    cdef Py_ssize_t size
    while at < end and (is_upper(at[0]) or (bracketed and is_letter(at[0]))):
        at += 1
    size = at - line - bracketed
    if not LEVEL_LEAST <= size <= LEVEL_MOST:
        return 0
    if bracketed:
        if at == end or at[0] != c"]":
            return 0
        at += 1
    return at - line if at < end and at[0] == c" " else 0


cdef inline bint read_head(const char* line, const char* end, Head* head) noexcept nogil:
    """Part the front of a line; False where it begins in no way that is known here."""
    cdef const char* at = line
    head.token = head.time = NULL
    head.token_size = _token(line, end)
    if head.token_size:
        head.token = line
        at += head.token_size + 1
    head.time_size = head_time(at, end)
    if head.time_size and at + head.time_size < end:
        head.time = at
        at += head.time_size + 1
    if at == end or not is_letter(at[0]):
        # The word may be the message's first.
        head.token = head.time = NULL
        head.token_size = head.time_size = 0
        at = line
        if at == end or not is_letter(at[0]):
            return False
    head.at = at
    at = <const char*>memchr(at, c"=", end - at)
    head.end = end if at == NULL else at + 1
    return True


cdef inline const char* _quoted_end(const char* at, const char* end) noexcept nogil:
    """Behind the quote that closes a value, whose text begins at `at`; NULL for none."""
    cdef const char* begin = at
    while True:
        at = <const char*>memchr(at, c'"', end - at)
        if at == NULL:
            return NULL
        if at == begin or at[-1] != c"\\":
            return at + 1
        at += 1


cdef inline bint read_pairs(
    const char* at, const char* end, const Key* keys, int count, Slot* slots, uint64_t stamp
) noexcept nogil:
    """Fill the slots of `keys`, first come first; False where a token before the last is odd.

    `at` is the space before the first pair. The pairs behind the last needed one are not looked at.
    """
    cdef const char* key
    cdef const char* value
    cdef Py_ssize_t size
    cdef int missing = count, expected = 0, i
    cdef Slot* slot
    while missing:
        while at < end and at[0] == c" ":
            at += 1
        if at == end:
            return True
        key = at
        if not is_letter(at[0]) and at[0] != c"_":
            return False
        while at < end and is_key_byte(at[0]):
            at += 1
        if at == end or at[0] != c"=":
            return False
        size = at - key
        at += 1
        value = at
        if at < end and at[0] == c'"':
            at = _quoted_end(at + 1, end)
            if at == NULL:
                return False
        elif at < end and at[0] == c"'":
            return False
        else:
            while at < end and at[0] != c" ":
                at += 1
        if at < end and at[0] != c" ":
            return False
        for i in range(count):
            if expected == count:
                expected = 0
            if keys[expected].size == size and memcmp(keys[expected].at, key, size) == 0:
                slot = &slots[keys[expected].slot]
                if slot.stamp != stamp:
                    slot.at = value
                    slot.size = at - value
                    slot.kind = KIND_RAW
                    slot.stamp = stamp
                    missing -= 1
                expected += 1
                break
            expected += 1
    return True
