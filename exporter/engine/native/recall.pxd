"""What is remembered of a line's parts: the present key, looked up in a table."""

from libc.stdint cimport int64_t

from exporter.engine.native.slots cimport Slot
from exporter.engine.native.state cimport DOUBT, Walk
from exporter.engine.native.table cimport (
    MISSING,
    Spelling,
    Table,
    spelling,
    table_find,
    table_put,
)

cdef extern from *:
    """
    static const int taking_first_two[2] = {0, 1};
    """
    const int* FIRST_TWO "taking_first_two"


cdef inline void fill(Slot* slot, const char* at, Py_ssize_t size, int kind, Walk* walk) noexcept nogil:
    slot.at = at
    slot.size = size
    slot.kind = kind
    slot.stamp = walk.line.stamp


cdef inline int64_t known(Walk* walk, Table* table, int parts, Spelling* found) noexcept nogil:
    """What a table says of the first parts of the present key."""
    found[0] = spelling(table, walk.key, FIRST_TWO, parts, walk.line.stamp)
    return table_find(table, walk.key, FIRST_TWO, parts, walk.line.stamp, found)


cdef inline int ask(const Walk* walk, int what) noexcept nogil:
    """What to stop for; DOUBT where this line has asked it before, and it was no use."""
    return DOUBT if walk.refused >> what & 1 else what


cdef inline bint again(Walk* walk, int parts) noexcept nogil:
    """Whether the present key was met before: most that come once never come again."""
    cdef Spelling found
    if known(walk, &walk.once, parts, &found) != MISSING:
        return True
    table_put(&walk.once, walk.key, FIRST_TWO, parts, walk.line.stamp, &found, 1)
    return False
