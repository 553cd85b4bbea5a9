"""Patterns: templates of messages matched in C, as `exporter.engine.template` matches them.

Which may fit a message is told by texts that it begins with or holds: see `exporter.engine.finding`.
"""

from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.string cimport memcmp

from exporter.engine.native.numbers cimport number
from exporter.engine.native.seeking cimport seek_text
from exporter.engine.native.slots cimport ASK, KIND_STRING, NO, YES, Slot

cdef enum:
    MOST_PATTERNS = 1 << 13
    MOST_FITTING = 64  # beside each other
    STARTS = 1 << 13  # bytes of bits, one for each two bytes


cdef struct Gap:
    const char* until  # the text that ends it; the message's end where `size` is 0
    Py_ssize_t size
    bint numeric
    int slot


cdef struct Pattern:
    const char* prefix
    Py_ssize_t size
    Gap* gaps
    int count
    uint64_t stamp  # of the line that it was tried on last


# A text, and the patterns that a message may fit which has it.
cdef struct Clue:
    const char* at
    Py_ssize_t size
    int within  # the longest other that it begins with, or -1
    int* patterns
    int count


cdef struct Clues:
    Clue* all  # in their order
    int count
    unsigned char* starts  # as bits: whether some may begin with two bytes


cdef struct Patterns:
    Pattern* all
    int count
    int* always  # those that may fit any message
    int always_count
    Clues begins
    Clues holds


# What a message fits: the literal, -1 for none, and the patterns in their order.
cdef struct Fitting:
    int64_t literal
    int32_t[MOST_FITTING] patterns
    int count


cdef inline int fits(
    const Pattern* one, const char* at, const char* end, Slot* slots, uint64_t stamp
) noexcept nogil:
    """Whether a message fits; its gaps are in their slots then."""
    cdef const Gap* gap
    cdef const char* stop
    cdef double amount = 0
    cdef int answer, i
    if end - at < one.size or memcmp(at, one.prefix, one.size) != 0:
        return NO
    at += one.size
    for i in range(one.count):
        gap = &one.gaps[i]
        stop = end
        if gap.size:
            stop = seek_text(at, end, gap.until, gap.size)
            if stop == NULL:
                return NO
        if gap.numeric:
            answer = number(at, stop - at, &amount)
            if answer != YES:
                return answer
        slots[gap.slot].at = at
        slots[gap.slot].size = stop - at
        slots[gap.slot].kind = KIND_STRING
        slots[gap.slot].stamp = stamp
        at = stop + gap.size
    return YES if at == end else NO


cdef inline int _try(
    Patterns* patterns, int place, const char* at, Py_ssize_t size, Slot* slots, uint64_t stamp,
    Fitting* out,
) noexcept nogil:
    """Put a pattern among those that a message fits, if it does."""
    cdef Pattern* one = &patterns.all[place]
    cdef int i = out.count, answer
    if one.stamp == stamp:
        return NO
    one.stamp = stamp
    answer = fits(one, at, at + size, slots, stamp)
    if answer != YES:
        return answer
    if i == MOST_FITTING:
        return ASK
    while i and out.patterns[i - 1] > place:
        out.patterns[i] = out.patterns[i - 1]
        i -= 1
    out.patterns[i] = place
    out.count += 1
    return YES


cdef inline bint _has(const Clue* clue, const char* at, Py_ssize_t size) noexcept nogil:
    return clue.size <= size and memcmp(at, clue.at, clue.size) == 0


cdef inline const Clue* _longest(
    const Clues* clues, const char* at, Py_ssize_t size
) noexcept nogil:
    """The longest clue that a text begins with, or NULL."""
    cdef int low = 0, high = clues.count, middle, answer
    cdef const Clue* clue
    while low < high:
        middle = (low + high) // 2
        clue = &clues.all[middle]
        answer = memcmp(clue.at, at, min(clue.size, size))
        if answer < 0 or (answer == 0 and clue.size <= size):
            low = middle + 1
        else:
            high = middle
    low -= 1
    while low >= 0 and not _has(&clues.all[low], at, size):
        low = clues.all[low].within
    return &clues.all[low] if low >= 0 else NULL


cdef inline bint _starts(const Clues* clues, const char* at, Py_ssize_t size) noexcept nogil:
    """Whether a clue may stand here."""
    cdef unsigned two
    if size < 2:
        return size == 1
    two = <unsigned char>at[0] << 8 | <unsigned char>at[1]
    return clues.starts[two >> 3] >> (two & 7) & 1


cdef inline void start(Clues* clues, const char* at, int second) noexcept nogil:
    """Let a clue begin with its first byte and this one."""
    cdef unsigned two = <unsigned char>at[0] << 8 | second
    clues.starts[two >> 3] |= 1 << (two & 7)


cdef inline int fitting(
    Patterns* patterns, const char* at, Py_ssize_t size, Slot* slots, uint64_t stamp, Fitting* out
) noexcept nogil:
    """Which patterns a message fits; ASK where only Python can say.

    `stamp` must differ from that of the call before: a pattern with it counts as tried.
    """
    cdef const Clues* clues = &patterns.begins
    cdef const Clue* clue
    cdef Py_ssize_t from_
    cdef int i
    out.count = 0
    for i in range(patterns.always_count):
        if _try(patterns, patterns.always[i], at, size, slots, stamp, out) == ASK:
            return ASK
    if clues.count and _starts(clues, at, size):
        if _follow(patterns, clues, at, size, at, size, slots, stamp, out) == ASK:
            return ASK
    clues = &patterns.holds
    if clues.count:
        for from_ in range(size):
            if _starts(clues, at + from_, size - from_):
                if _follow(
                    patterns, clues, at + from_, size - from_, at, size, slots, stamp, out
                ) == ASK:
                    return ASK
    return YES


cdef inline int _follow(
    Patterns* patterns, const Clues* clues, const char* here, Py_ssize_t left, const char* at,
    Py_ssize_t size, Slot* slots, uint64_t stamp, Fitting* out,
) noexcept nogil:
    """Try the patterns whose clue stands here in the message."""
    cdef const Clue* clue = _longest(clues, here, left)
    cdef int i
    while clue != NULL:
        for i in range(clue.count):
            if _try(patterns, clue.patterns[i], at, size, slots, stamp, out) == ASK:
                return ASK
        clue = &clues.all[clue.within] if clue.within >= 0 else NULL
    return YES
