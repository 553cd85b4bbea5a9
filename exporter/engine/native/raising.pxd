"""Exceptions: the lines that tell one, in tracebacks and in JSON, and those that do not."""

from libc.stdint cimport int64_t
from libc.string cimport memcmp, memcpy

from exporter.engine.native.heads cimport behind_blanks, is_key_byte, is_shown
from exporter.engine.native.moves cimport TAKEN
from exporter.engine.native.recall cimport ask, fill, known
from exporter.engine.native.seeking cimport seek_text
from exporter.engine.native.slots cimport KIND_ESCAPED, KIND_STRING, Slot
from exporter.engine.native.state cimport (
    ASK_EXCEPTION,
    ASK_TYPE,
    DOUBT,
    NO_TYPE,
    PAIRED,
    PASSED,
    QUIET,
    RAISED,
    TEXT_SLOT,
    TYPE_SLOT,
    Walk,
)
from exporter.engine.native.table cimport MISSING, Spelling

cdef enum:
    LONGEST_NAME = 100
    LONGEST_RAISED = 1024
    TRACE_SIZE = 34


cdef inline bint names_nothing(const char* at, const char* end) noexcept nogil:
    """Whether an indented line is sure not to be what is printed for an exception."""
    at = behind_blanks(at, end)
    if at == end:
        return True
    if end - at > 8 and (memcmp(at, b"Uncaught", 8) == 0 or memcmp(at, b"Unhandle", 8) == 0):
        return False  # what crashes are introduced by
    while at < end and (is_key_byte(at[0]) or at[0] == c"+" or at[0] == c"<" or at[0] == c">"):
        at += 1
    if at == end or at[0] == c":":
        return False
    if at[0] == c" ":
        at += 1
        if at == end or at[0] == c" " or at[0] == c"(" or at[0] == c"[":
            return False
    return is_shown(at[0])


cdef inline bint is_trace(const char* at, Py_ssize_t size) noexcept nogil:
    """Whether it begins as a traceback does."""
    return size >= TRACE_SIZE and memcmp(at, b"Traceback (most recent call last):", TRACE_SIZE) == 0


cdef inline int take_exception(Walk* walk) noexcept nogil:
    """The line that ends a traceback, where its type is known."""
    cdef const char* at = walk.line.at
    cdef const char* end = at + walk.line.size
    cdef Spelling found
    cdef int64_t cell
    while at < end and is_key_byte(at[0]) and at[0] != c"-":
        at += 1
    if at == walk.line.at or at - walk.line.at > LONGEST_NAME:
        return DOUBT
    if at < end and (end - at < 2 or at[0] != c":" or at[1] != c" " or quotes_trace(at, end)):
        return DOUBT
    if is_looked_at(walk, walk.line.at, walk.line.size):
        return DOUBT
    fill(&walk.key[0], walk.line.at, at - walk.line.at, 1, walk)
    cell = known(walk, &walk.exceptions, 1, &found)
    if cell == MISSING:
        return ask(walk, ASK_EXCEPTION)
    if cell < 0:
        return DOUBT
    walk.values[cell] += 1.0
    walk.own.raised = walk.at
    walk.own.raised_size = walk.next - 1 - walk.at
    walk.own.flags = QUIET | PAIRED | RAISED
    return PASSED


cdef inline bint quotes_trace(const char* at, const char* end) noexcept nogil:
    """Whether the head of a traceback may stand in a text."""
    return seek_text(at, end, b"Traceback", 9) != NULL


cdef inline bint is_looked_at(Walk* walk, const char* at, Py_ssize_t size) noexcept nogil:
    """Whether a rule may fit an exception line."""
    cdef int i
    for i in range(walk.needle_count):
        if seek_text(at, at + size, walk.needles[i].at, walk.needles[i].size) != NULL:
            return True
    return False


cdef inline bint _may_be_looked_at(Walk* walk, const Slot* kind, const Slot* text) noexcept nogil:
    """The same of `type: message` in a line of JSON."""
    cdef char[LONGEST_RAISED] line
    cdef Py_ssize_t size = kind.size
    if walk.needle_count == 0:
        return False
    memcpy(line, kind.at, size)
    if text.stamp == walk.line.stamp and text.kind <= KIND_ESCAPED and text.size:
        if size + 2 + text.size > LONGEST_RAISED:
            return True
        if text.kind == KIND_ESCAPED and seek_text(
            text.at, text.at + text.size, b"\\u", 2
        ) != NULL:
            return True
        memcpy(line + size, b": ", 2)
        memcpy(line + size + 2, text.at, text.size)
        size += 2 + text.size
    return is_looked_at(walk, line, size)


cdef inline int take_type(Walk* walk, int place) noexcept nogil:
    """The exception of a line of JSON, where its type is known."""
    cdef const Slot* slot = &walk.line.slots[place]
    cdef int found
    if slot.stamp != walk.line.stamp or slot.kind != KIND_STRING or slot.size > LONGEST_NAME:
        return DOUBT
    found = take_name(walk, slot.at, slot.size, KIND_STRING)
    if found == PASSED:
        return DOUBT  # its other keys may tell one
    if found == TAKEN and _may_be_looked_at(walk, slot, slot + (TEXT_SLOT - TYPE_SLOT)):
        return DOUBT
    return found


cdef inline int take_name(
    Walk* walk, const char* name, Py_ssize_t size, int kind_of_key
) noexcept nogil:
    """An exception by its name; PASSED where that is none."""
    cdef Spelling found
    cdef int64_t kind
    fill(&walk.key[0], name, size, kind_of_key, walk)
    kind = known(walk, &walk.types, 1, &found)
    if kind == MISSING:
        return ask(walk, ASK_TYPE)
    if kind == NO_TYPE:
        return PASSED
    if kind < 0:
        return DOUBT
    walk.kind = <int>kind
    return TAKEN
