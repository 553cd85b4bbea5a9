"""Exemplars: the newest line of each bucket, kept here until a block is done."""

from libc.stdint cimport int64_t
from libc.string cimport memcpy

from exporter.engine.native.moves cimport Line, Op
from exporter.engine.native.slots cimport (
    ASK,
    KIND_ARRAY,
    KIND_FALSE,
    KIND_INTEGER,
    KIND_NULLED,
    KIND_OBJECT,
    KIND_RAW,
    KIND_STRING,
    KIND_TRUE,
    NO,
    YES,
    Slot,
)
from exporter.engine.native.table cimport MISSING, Spelling, Table, spelling, table_find, table_put

cdef enum:
    KEPT = 1024  # buckets that are remembered at once
    KEPT_TEXT = 96  # longer values are handed over at once
    EXACT_DIGITS = 15


cdef struct Kept:
    int64_t cell
    int asked  # which effect
    double amount
    double when
    int kind
    Py_ssize_t size  # -1: another, newer one was handed over
    char text[KEPT_TEXT]


cdef inline int is_shown(const Slot* slot) noexcept nogil:
    """Whether a value stands for its line as it is spelled; ASK where that is not sure."""
    if slot.kind == KIND_RAW:
        if slot.size == 0 or (slot.size == 2 and slot.at[0] == c'"'):
            return NO
    elif slot.kind == KIND_STRING:
        if slot.size == 0:
            return NO
    elif slot.kind == KIND_INTEGER:
        if slot.size > EXACT_DIGITS:
            return ASK
    elif slot.kind == KIND_NULLED or slot.kind == KIND_OBJECT or slot.kind == KIND_ARRAY:
        return NO
    elif slot.kind != KIND_TRUE and slot.kind != KIND_FALSE:
        return ASK
    return YES if slot.size <= KEPT_TEXT else ASK


cdef inline bint keep(
    Kept* all, int* count, Table* places, Line* line, Op* op, int64_t cell, double amount,
    double when,
) noexcept nogil:
    """Note the line's exemplar for a bucket; False where it must be handed over at once."""
    cdef Slot* slot = &line.slots[op.exemplar]
    cdef Slot where = _as_slot(&cell)
    cdef int which = 0
    cdef Spelling found
    cdef int64_t place
    cdef int shown = is_shown(slot)
    if shown != YES:
        return shown == NO
    found = spelling(places, &where, &which, 1, 1)
    place = table_find(places, &where, &which, 1, 1, &found)
    if place == MISSING:
        place = count[0]
        count[0] += 1
        table_put(places, &where, &which, 1, 1, &found, place)
    all[place].cell = cell
    all[place].asked = op.asked
    all[place].amount = amount
    all[place].when = when
    all[place].kind = slot.kind
    all[place].size = slot.size
    memcpy(all[place].text, slot.at, slot.size)
    return True


cdef inline void outdate(Kept* all, Table* places, int64_t cell) noexcept nogil:
    """Let go of what is kept for a bucket, since a newer line was handed over."""
    cdef Slot where = _as_slot(&cell)
    cdef int which = 0
    cdef Spelling found = spelling(places, &where, &which, 1, 1)
    cdef int64_t place = table_find(places, &where, &which, 1, 1, &found)
    if place != MISSING:
        all[place].size = -1


cdef inline Slot _as_slot(const int64_t* cell) noexcept nogil:
    """A cell as a table spells it; it points there."""
    cdef Slot slot
    slot.at = <const char*>cell
    slot.size = sizeof(int64_t)
    slot.kind = slot.stamp = 1
    return slot
