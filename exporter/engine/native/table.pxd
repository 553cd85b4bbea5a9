"""Tables: from what slots spell to a number. Bounded; a full one is emptied.

A spelling is the kind and the bytes of each of its slots. Hits touch no Python.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcpy, memset

from exporter.engine.native.equal cimport equal
from exporter.engine.native.slots cimport Slot

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    #if defined(__SIZEOF_INT128__)
    static inline uint64_t table_fold(uint64_t a, uint64_t b) {
        unsigned __int128 product = (unsigned __int128)a * b;
        return (uint64_t)product ^ (uint64_t)(product >> 64);
    }
    #else
    static inline uint64_t table_fold(uint64_t a, uint64_t b) {
        uint64_t product = (a ^ (b >> 32)) * (b | 1);
        return product ^ (product >> 29) ^ (a << 7);
    }
    #endif
    static inline uint64_t table_hash(uint64_t hash, const char *at, size_t size) {
        uint64_t first, last;
        uint32_t low, high;
        hash = table_fold(hash ^ size, 0x9E3779B97F4A7C15u);
        for (; size > 16; size -= 16, at += 16) {
            memcpy(&first, at, 8);
            memcpy(&last, at + 8, 8);
            hash = table_fold(hash ^ first, last ^ 0xD6E8FEB86659FD93u);
        }
        if (size >= 8) {
            memcpy(&first, at, 8);
            memcpy(&last, at + size - 8, 8);
        } else if (size >= 4) {
            memcpy(&low, at, 4);
            memcpy(&high, at + size - 4, 4);
            first = low;
            last = high;
        } else if (size) {
            first = (unsigned char)at[0] | (unsigned)(unsigned char)at[size >> 1] << 8;
            last = (unsigned char)at[size - 1];
        } else {
            return hash;
        }
        return table_fold(hash ^ first, last ^ 0xA0761D6478BD642Fu);
    }
    """
    uint64_t table_hash(uint64_t hash, const char* at, size_t size) noexcept nogil
    const int64_t MISSING "INT64_MIN"

cdef enum:
    PART = 5  # bytes in front of each slot's in a key: its kind and size
    LEAST_ROWS = 16
    LONGEST_KEY = 2048

cdef struct Row:
    uint64_t hash  # 0: free
    size_t key  # where its key begins
    uint32_t size
    int64_t value


cdef struct Table:
    Row* rows
    size_t room  # a power of two, or 0
    size_t count
    size_t bound
    size_t most  # bytes of keys
    char* keys
    size_t used
    size_t keys_room
    uint64_t seed


cdef struct Spelling:
    uint64_t hash
    Py_ssize_t size  # of its key


cdef inline Spelling spelling(
    const Table* table, const Slot* slots, const int* which, int count, uint64_t stamp
) noexcept nogil:
    """The hash and the key's size of these slots' values."""
    cdef Spelling found
    cdef const Slot* slot
    cdef int i
    found.hash = table.seed
    found.size = count * PART
    for i in range(count):
        slot = &slots[which[i]]
        if slot.stamp == stamp:
            found.hash = table_hash(found.hash + slot.kind, slot.at, slot.size)
            found.size += slot.size
        else:
            found.hash = table_hash(found.hash, NULL, 0)
    if found.hash == 0:
        found.hash = 1
    return found


cdef inline bint _same(
    const char* key, const Slot* slots, const int* which, int count, uint64_t stamp
) noexcept nogil:
    """Whether a key is what these slots spell; its size is."""
    cdef const Slot* slot
    cdef uint32_t size
    cdef int i
    for i in range(count):
        slot = &slots[which[i]]
        memcpy(&size, key + 1, 4)
        if slot.stamp != stamp:
            if key[0] != 0:
                return False
        else:
            if key[0] != slot.kind or <Py_ssize_t>size != slot.size:
                return False
            if not equal(key + PART, slot.at, size):
                return False
        key += PART + size
    return True


cdef inline int64_t table_find(
    const Table* table,
    const Slot* slots,
    const int* which,
    int count,
    uint64_t stamp,
    const Spelling* found,
) noexcept nogil:
    """The number of a spelling, or MISSING."""
    cdef size_t at
    cdef const Row* row
    if not table.room:
        return MISSING
    at = found.hash & (table.room - 1)
    while True:
        row = &table.rows[at]
        if row.hash == 0:
            return MISSING
        if row.hash == found.hash and <Py_ssize_t>row.size == found.size:
            if _same(table.keys + row.key, slots, which, count, stamp):
                return row.value
        at = (at + 1) & (table.room - 1)


cdef inline void table_clear(Table* table) noexcept nogil:
    """Forget all, and give the memory back."""
    free(table.rows)
    free(table.keys)
    table.rows = NULL
    table.keys = NULL
    table.room = table.count = table.used = table.keys_room = 0


cdef inline bint _widen(Table* table) noexcept nogil:
    """Have room for one more row; False where there is no memory."""
    cdef size_t room, at, i
    cdef Row* rows
    if table.room and (table.count + 1) * 2 <= table.room:
        return True
    room = table.room * 2 if table.room else LEAST_ROWS
    rows = <Row*>calloc(room, sizeof(Row))
    if rows == NULL:
        return False
    for i in range(table.room):
        if table.rows[i].hash:
            at = table.rows[i].hash & (room - 1)
            while rows[at].hash:
                at = (at + 1) & (room - 1)
            rows[at] = table.rows[i]
    free(table.rows)
    table.rows = rows
    table.room = room
    return True


cdef inline void table_put(
    Table* table,
    const Slot* slots,
    const int* which,
    int count,
    uint64_t stamp,
    const Spelling* found,
    int64_t value,
) noexcept nogil:
    """Remember the number of a spelling that is missing, unless it is too long."""
    cdef size_t at, room
    cdef char* keys
    cdef char* key
    cdef const Slot* slot
    cdef uint32_t size
    cdef int i
    if found.size > LONGEST_KEY:
        return
    if table.count >= table.bound or table.used + found.size > table.most:
        table_clear(table)
    if table.keys == NULL or table.used + found.size > table.keys_room:
        room = 2 * table.keys_room + found.size + 64
        keys = <char*>realloc(table.keys, room)
        if keys == NULL:
            return
        table.keys = keys
        table.keys_room = room
    if not _widen(table):
        return
    key = table.keys + table.used
    for i in range(count):
        slot = &slots[which[i]]
        size = <uint32_t>slot.size if slot.stamp == stamp else 0
        key[0] = <char>slot.kind if slot.stamp == stamp else 0
        memcpy(key + 1, &size, 4)
        if size:
            memcpy(key + PART, slot.at, size)
        key += PART + size
    at = found.hash & (table.room - 1)
    while table.rows[at].hash:
        at = (at + 1) & (table.room - 1)
    table.rows[at].hash = found.hash
    table.rows[at].key = table.used
    table.rows[at].size = <uint32_t>found.size
    table.rows[at].value = value
    table.used += found.size
    table.count += 1


cdef inline void table_begin(Table* table, size_t bound, uint64_t seed) noexcept nogil:
    """An empty table."""
    memset(table, 0, sizeof(Table))
    table.bound = bound
    table.most = bound * LONGEST_KEY
    table.seed = seed
