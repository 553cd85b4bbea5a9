"""Slots: where a line spells the values that rules ask for. Pointers into the line itself."""

from libc.stdint cimport uint64_t


cdef enum:
    KIND_STRING = 1  # `at` and `size` are the inside, without quotes; nothing is escaped
    KIND_ESCAPED = 2  # likewise, with escapes as they stand there
    KIND_INTEGER = 3
    KIND_FLOAT = 4
    KIND_TRUE = 5
    KIND_FALSE = 6
    KIND_NULLED = 7  # null, NaN, Infinity
    KIND_OBJECT = 8  # the whole text, with its braces
    KIND_ARRAY = 9
    KIND_RAW = 10  # the value of a key-value pair as spelled, in its quotes
    KIND_GO = 11  # as KIND_STRING, with Go's escapes as they stand there


# Whether something is so; ASK: only Python can say.
cdef enum:
    ASK = -1
    NO = 0
    YES = 1


cdef struct Slot:
    const char* at
    Py_ssize_t size
    int kind
    uint64_t stamp  # of the line that it was filled from; an older one means absent
