# cython: language_level=3
"""The leaf scanners of the compiled engine, one by one, as functions that a test can call.

Each reads a copy of its bytes that ends where they end, so that a sanitizer sees a byte too many.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy

from exporter.engine.native cimport envelopes, numbers, scan_json, slots, times, utf8
from exporter.engine.native cimport wanted as names
from exporter.engine.native.slots cimport ASK, YES

LOCAL_UNKNOWN = times.LOCAL_UNKNOWN
READ, BROKEN, DOUBT = scan_json.JSON_READ, scan_json.JSON_BROKEN, scan_json.JSON_DOUBT
KINDS = {
    slots.KIND_STRING: "string",
    slots.KIND_ESCAPED: "escaped",
    slots.KIND_INTEGER: "integer",
    slots.KIND_FLOAT: "float",
    slots.KIND_TRUE: "true",
    slots.KIND_FALSE: "false",
    slots.KIND_NULLED: "null",
    slots.KIND_OBJECT: "object",
    slots.KIND_ARRAY: "array",
}
NUMBERS = {name: kind for kind, name in KINDS.items()}
BEHIND = b'":1,"b":"c"},0,' * 3  # what could end a string, a number or an object


cdef char* copied(bytes text) except NULL:
    cdef Py_ssize_t size = PyBytes_GET_SIZE(text)
    cdef char* copy = <char*>malloc(size if size else 1)
    if copy == NULL:
        raise MemoryError
    memcpy(copy, PyBytes_AS_STRING(text), size)
    return copy


cdef class Scanner:
    """Scans JSON lines for wanted names."""

    cdef names.Wanted* wanted
    cdef slots.Slot* slots
    cdef uint64_t stamp
    cdef readonly list served

    def __cinit__(self, spelled):
        self.wanted = names.wanted_new()
        self.slots = <slots.Slot*>calloc(len(spelled) + 1, sizeof(slots.Slot))
        self.served = []
        for name in spelled:
            text = name.encode()
            answer = names.wanted_add(self.wanted, text, len(text), len(self.served))
            if answer == ASK:
                raise MemoryError
            if answer == YES:
                self.served.append(name)

    def __dealloc__(self):
        names.wanted_free(self.wanted)
        free(self.slots)

    def scan(self, bytes line):
        """The verdict, and the found values by name: their kind and their bytes."""
        answer = self._scan(line, b"")
        if self._scan(line, BEHIND) != answer:
            raise AssertionError("it depends on what stands behind the line")
        return answer

    def _scan(self, bytes line, bytes behind):
        cdef char* copy = copied(line + behind)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(line)
        cdef const char* limit = copy + size + PyBytes_GET_SIZE(behind)
        cdef int verdict
        cdef slots.Slot* slot
        self.stamp += 1
        with nogil:
            verdict = scan_json.scan_json(copy, size, limit, self.wanted, self.slots, self.stamp)
        found = {}
        for i, name in enumerate(self.served):
            slot = &self.slots[<int>i]
            if slot.stamp == self.stamp and verdict == READ:
                found[name] = KINDS[slot.kind], PyBytes_FromStringAndSize(slot.at, slot.size)
        free(copy)
        return verdict, found


def number(bytes text):
    """What `numbers.number` answers, and its number."""
    cdef char* copy = copied(text)
    cdef double found = 0
    cdef int answer = numbers.number(copy, len(text), &found)
    free(copy)
    return answer, found


def json_number(str kind, bytes text):
    """The same of a JSON value."""
    cdef char* copy = copied(text)
    cdef double found = 0
    cdef int answer = numbers.json_number(NUMBERS[kind], copy, len(text), &found)
    free(copy)
    return answer, found


def text_seconds(bytes text, int local):
    """What `times.text_seconds` answers, and its seconds."""
    cdef char* copy = copied(text)
    cdef double found = 0
    cdef int answer = times.text_seconds(copy, len(text), local, &found)
    free(copy)
    return answer, found


def json_seconds(str kind, bytes text, int local):
    """The same of a JSON value."""
    cdef char* copy = copied(text)
    cdef double found = 0
    cdef int answer = times.json_seconds(NUMBERS[kind], copy, len(text), local, &found)
    free(copy)
    return answer, found


def head_time(bytes text):
    """The length of the time that a text begins with."""
    cdef char* copy = copied(text)
    found = times.head_time(copy, copy + len(text))
    free(copy)
    return found


def is_utf8(bytes text):
    cdef char* copy = copied(text)
    found = utf8.is_utf8(copy, len(text))
    free(copy)
    return bool(found)


def docker_entry(bytes line):
    """The answer; and of YES the entry: text, stream, time, whether partial, whether plain."""
    cdef char* copy = copied(line)
    cdef char* scratch = copied(line)
    cdef envelopes.Entry entry
    answer = envelopes.docker_entry(copy, len(line), scratch, &entry)
    found = taken(&entry) if answer == YES else None
    free(copy)
    free(scratch)
    return answer, found


def cri_entry(bytes line):
    """The same of a CRI line."""
    cdef char* copy = copied(line)
    cdef envelopes.Entry entry
    answer = envelopes.cri_entry(copy, len(line), &entry)
    found = taken(&entry) if answer == YES else None
    free(copy)
    return answer, found


cdef taken(envelopes.Entry* entry):
    return (
        PyBytes_FromStringAndSize(entry.text, entry.size),
        "stderr" if entry.error else "stdout",
        PyBytes_FromStringAndSize(entry.time, entry.time_size).decode(),
        bool(entry.partial),
        bool(entry.plain),
    )
