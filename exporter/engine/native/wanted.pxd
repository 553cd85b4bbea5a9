"""What a JSON line is looked at for: names, dotted where they are nested, and their slots."""

from libc.stdint cimport uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memchr, memcmp, memcpy

from exporter.engine.native.equal cimport equal
from exporter.engine.native.slots cimport ASK, NO, YES

cdef enum:
    MOST_PARTS = 8  # of a wanted name
    LONGEST_NAME = 120
    FIRST_ROOM = 8
    MET = 64  # keys that are known by their bytes
    MET_TEXT = 16

cdef struct Wanted

cdef struct Key:
    char* name  # NULL where the table is empty
    Py_ssize_t size
    Wanted* below  # what is wanted of the object that stands there, or NULL
    int slot  # -1 for none
    bint doubtful  # a literal name with dots, which would win over nested ones

# A key that was met, wanted or not. Loggers write theirs in the same order line by line: so each
# knows which one came behind it last, and that one's bytes are all that is compared.
cdef struct Met:
    char[MET_TEXT] text  # with the quote and the colon behind it
    unsigned size
    Key* key  # NULL: it is not wanted
    Met* next

cdef struct Wanted:
    Key* table
    Met* met  # each has one place, which it shares
    Met first  # in front of the first
    Py_ssize_t longest
    uint64_t stamp  # of the line that had this object last
    unsigned count
    unsigned mask


cdef inline Wanted* wanted_new() noexcept nogil:
    """What an object is looked at for: nothing yet. NULL where there is no memory."""
    cdef Wanted* made = <Wanted*>calloc(1, sizeof(Wanted))
    if made != NULL:
        made.table = <Key*>calloc(FIRST_ROOM, sizeof(Key))
        made.mask = FIRST_ROOM - 1
        made.met = <Met*>calloc(MET, sizeof(Met))
        if made.table == NULL or made.met == NULL:
            free(made.table)
            free(made.met)
            free(made)
            return NULL
    return made


cdef inline void wanted_free(Wanted* wanted) noexcept nogil:
    cdef unsigned i
    if wanted == NULL:
        return
    for i in range(wanted.mask + 1):
        free(wanted.table[i].name)
        wanted_free(wanted.table[i].below)
    free(wanted.table)
    free(wanted.met)
    free(wanted)


cdef inline int wanted_add(
    Wanted* wanted, const char* name, Py_ssize_t size, int slot
) noexcept nogil:
    """Let the value of this name (dotted where nested) go to a slot.

    NO where the name cannot be had from a scan; ASK where there is no memory.
    """
    cdef const char* end = name + size
    cdef const char* dot
    cdef const char* later
    cdef Wanted* below
    cdef Key* key
    if not _is_served(name, size):
        return NO
    while True:
        dot = <const char*>memchr(name, c".", end - name)
        key = _add_key(wanted, name, (end if dot == NULL else dot) - name)
        if key == NULL:
            return ASK
        if dot == NULL:
            key.slot = slot
            return YES
        if key.below == NULL:
            key.below = wanted_new()
        below = key.below  # the table that the key lies in may move
        if below == NULL:
            return ASK
        later = dot
        while later != end:
            later = <const char*>memchr(later + 1, c".", end - later - 1)
            if later == NULL:
                later = end
            key = _add_key(wanted, name, later - name)
            if key == NULL:
                return ASK
            key.doubtful = True
        wanted = below
        name = dot + 1


cdef inline bint _is_served(const char* name, Py_ssize_t size) noexcept nogil:
    cdef Py_ssize_t i
    cdef int parts = 1
    if size < 1 or size > LONGEST_NAME or name[0] == c"." or name[size - 1] == c".":
        return False
    for i in range(size):
        if name[i] == c".":
            parts += 1
            if name[i - 1] == c".":
                return False
        # U+FFFD is also what undecodable bytes are read as.
        if i + 2 < size and memcmp(name + i, b"\xef\xbf\xbd", 3) == 0:
            return False
    return parts <= MOST_PARTS


cdef inline Key* _add_key(Wanted* wanted, const char* name, Py_ssize_t size) noexcept nogil:
    cdef Key* key
    cdef char* copied
    if 4 * (wanted.count + 1) > wanted.mask + 1 and not _widen(wanted):
        return NULL
    key = key_place(wanted.table, wanted.mask, name, size)
    if key.name == NULL:
        copied = <char*>malloc(size)
        if copied == NULL:
            return NULL
        memcpy(copied, name, size)
        key.name, key.size, key.slot = copied, size, -1
        wanted.count += 1
        wanted.longest = max(wanted.longest, size)
    return key


cdef inline bint _widen(Wanted* wanted) noexcept nogil:
    """Room for twice as many keys; False where there is no memory."""
    cdef unsigned i, mask = 2 * wanted.mask + 1
    cdef Key* wide = <Key*>calloc(mask + 1, sizeof(Key))
    cdef Key* key
    if wide == NULL:
        return False
    for i in range(wanted.mask + 1):
        key = &wanted.table[i]
        if key.name != NULL:
            key_place(wide, mask, key.name, key.size)[0] = key[0]
    free(wanted.table)
    wanted.table, wanted.mask = wide, mask
    return True


cdef inline int wanted_slot(const Wanted* wanted, const char* name, Py_ssize_t size) noexcept nogil:
    """The slot of a name that is one key, with its dots; -1 for none."""
    cdef const char* end = name + size
    cdef const char* dot
    cdef const Key* key
    if size > wanted.longest:
        return -1
    key = key_place(wanted.table, wanted.mask, name, size)
    while key.name != NULL and key.slot < 0 and key.doubtful:
        # It lies where a nested name does.
        dot = <const char*>memchr(name, c".", end - name)
        if dot == NULL:
            return -1
        wanted = key_place(wanted.table, wanted.mask, name, dot - name).below
        name = dot + 1
        key = key_place(wanted.table, wanted.mask, name, end - name)
    return key.slot if key.name != NULL else -1


cdef inline Met* met_place(Wanted* wanted, const char* name, Py_ssize_t size) noexcept nogil:
    """Where a key may have been met, or is remembered; NULL for one that is too long, or empty."""
    if not 0 < size <= MET_TEXT - 2:
        return NULL
    return &wanted.met[_mixed(name, size) % MET]


cdef inline bint was_met(const Met* met, const char* name, Py_ssize_t size) noexcept nogil:
    """Whether it is the key that was met; a quote and a colon follow it."""
    return met.size == size + 2 and equal(met.text, name, size)


cdef inline void meet(Met* met, const char* name, Py_ssize_t size, Key* key) noexcept nogil:
    """Remember a key; a quote and a colon follow it."""
    memcpy(met.text, name, size + 2)
    met.size = <unsigned>size + 2
    met.key = key


cdef inline unsigned _mixed(const char* name, Py_ssize_t size) noexcept nogil:
    return <unsigned>size + 7 * <unsigned char>name[0] + 29 * <unsigned char>name[size - 1]


cdef inline Key* key_place(
    Key* table, unsigned mask, const char* name, Py_ssize_t size
) noexcept nogil:
    """Where a key of this name is, or would be put: a place whose own name is NULL."""
    cdef unsigned i = _mixed(name, size)
    while True:
        i &= mask
        if table[i].name == NULL:
            return &table[i]
        if table[i].size == size and equal(table[i].name, name, size):
            return &table[i]
        i += 1
