"""Patterns: templates of messages matched in C, as `exporter.engine.template` matches them."""

from libc.stdint cimport uint64_t
from libc.string cimport memcmp

from exporter.engine.native.numbers cimport number
from exporter.engine.native.slots cimport ASK, KIND_STRING, NO, YES, Slot

cdef extern from "string.h" nogil:
    const void* memmem(const void* at, size_t size, const void* what, size_t length)

cdef enum:
    MOST_PATTERNS = 64


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


cdef struct Patterns:
    Pattern* all
    int count
    uint64_t[256] first  # which of them a message may fit that begins with a byte
    uint64_t any  # which fit an empty one


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
            stop = <const char*>memmem(at, end - at, gap.until, gap.size)
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


cdef inline int fitting(
    const Patterns* patterns,
    const char* at,
    Py_ssize_t size,
    Slot* slots,
    uint64_t stamp,
    uint64_t* found,
) noexcept nogil:
    """Which patterns a message fits, as bits; ASK where only Python can say."""
    cdef uint64_t left = patterns.first[<unsigned char>at[0]] if size else patterns.any
    cdef int i = 0, answer
    found[0] = 0
    while left:
        if left & 1:
            answer = fits(&patterns.all[i], at, at + size, slots, stamp)
            if answer == ASK:
                return ASK
            if answer == YES:
                found[0] |= <uint64_t>1 << i
        left >>= 1
        i += 1
    return YES
