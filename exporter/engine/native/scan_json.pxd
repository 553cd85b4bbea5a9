"""One strict pass over a JSON line, as `parsers.jsonlines` reads it, without building values.

What some rule wants leaves in its slot where it stands and what it is. A slot is stamped with the
line's number, so that nothing is cleared between lines.
"""

from libc.stdint cimport uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memchr, memcmp, memcpy

from exporter.engine.native.seeking cimport seek_quote
from exporter.engine.native.slots cimport (
    ASK,
    KIND_ARRAY,
    KIND_ESCAPED,
    KIND_FALSE,
    KIND_FLOAT,
    KIND_INTEGER,
    KIND_NULLED,
    KIND_OBJECT,
    KIND_STRING,
    KIND_TRUE,
    NO,
    YES,
    Slot,
)

cdef enum:
    JSON_DOUBT = -1  # the exact reading must decide
    JSON_BROKEN = 0  # it would find no object
    JSON_READ = 1

cdef enum:
    DEEPEST = 60  # of what stands in a line
    MOST_PARTS = 8  # of a wanted name
    LONGEST_NAME = 120
    LONGEST_NUMBER = 255
    FIRST_ROOM = 8

cdef struct Wanted

cdef struct Key:
    char* name  # NULL where the table is empty
    Py_ssize_t size
    Wanted* below  # what is wanted of the object that stands there, or NULL
    int slot  # -1 for none
    bint doubtful  # a literal name with dots, which would win over nested ones

cdef struct Wanted:
    Key* table
    Py_ssize_t longest
    uint64_t stamp  # of the line that had this object last
    unsigned count
    unsigned mask

cdef struct Scan:
    const char* end
    Slot* slots
    uint64_t stamp
    int verdict


# -- what is wanted ---------------------------------------------------------------------------------


cdef inline Wanted* wanted_new() noexcept nogil:
    """What an object is looked at for: nothing yet. NULL where there is no memory."""
    cdef Wanted* made = <Wanted*>calloc(1, sizeof(Wanted))
    if made != NULL:
        made.table = <Key*>calloc(FIRST_ROOM, sizeof(Key))
        made.mask = FIRST_ROOM - 1
        if made.table == NULL:
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
    key = _place(wanted.table, wanted.mask, name, size)
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
            _place(wide, mask, key.name, key.size)[0] = key[0]
    free(wanted.table)
    wanted.table, wanted.mask = wide, mask
    return True


cdef inline Key* _place(
    Key* table, unsigned mask, const char* name, Py_ssize_t size
) noexcept nogil:
    """Where a key of this name is, or would be put: a place whose own name is NULL."""
    cdef unsigned i = <unsigned>size + 7 * <unsigned char>name[0] + 29 * <unsigned char>name[size - 1]
    while True:
        i &= mask
        if table[i].name == NULL:
            return &table[i]
        if table[i].size == size and memcmp(table[i].name, name, size) == 0:
            return &table[i]
        i += 1


# -- the pass ---------------------------------------------------------------------------------------


cdef inline int scan_json(
    const char* line, Py_ssize_t size, Wanted* wanted, Slot* slots, uint64_t stamp
) noexcept nogil:
    """Read a bare line that begins with a brace; slots with this `stamp` hold its values."""
    cdef Scan scan
    cdef const char* at
    scan.end = line + size
    scan.slots = slots
    scan.stamp = stamp
    scan.verdict = JSON_BROKEN
    at = _object(&scan, line + 1, wanted, 1)
    if at == NULL:
        return scan.verdict
    at = _blank(&scan, at)
    if at == scan.end:
        return JSON_READ
    # What else Python takes for a space at a line's end is not worth a table.
    if <unsigned char>at[0] >= 0x80 or <unsigned char>at[0] < 0x20:
        return JSON_DOUBT
    return JSON_BROKEN


cdef inline const char* _blank(Scan* scan, const char* at) noexcept nogil:
    while at < scan.end and (at[0] == c" " or at[0] == c"\t" or at[0] == c"\n" or at[0] == c"\r"):
        at += 1
    return at


cdef inline const char* _doubt(Scan* scan) noexcept nogil:
    scan.verdict = JSON_DOUBT
    return NULL


cdef inline const char* _object(
    Scan* scan, const char* at, Wanted* wanted, int depth
) noexcept nogil:
    """Behind an object; `at` is behind its brace. NULL where the verdict is clear."""
    cdef const char* name
    cdef Key* key
    cdef bint escaped = False
    at = _blank(scan, at)
    if at < scan.end and at[0] == c"}":
        return at + 1
    while at < scan.end and at[0] == c'"':
        name = at + 1
        at = _string(scan, name, &escaped)
        if at == NULL:
            return NULL
        key = NULL
        if wanted != NULL:
            if escaped:
                return _doubt(scan)
            if 0 < at - name <= wanted.longest:
                key = _place(wanted.table, wanted.mask, name, at - name)
                if key.name == NULL:
                    key = NULL
                elif key.doubtful:
                    return _doubt(scan)
        at = _blank(scan, at + 1)
        if at == scan.end or at[0] != c":":
            return NULL
        at = _value(scan, _blank(scan, at + 1), key, depth)
        if at == NULL:
            return NULL
        at = _blank(scan, at)
        if at == scan.end:
            return NULL
        if at[0] == c"}":
            return at + 1
        if at[0] != c",":
            return NULL
        at = _blank(scan, at + 1)
    return NULL


cdef inline const char* _array(Scan* scan, const char* at, int depth) noexcept nogil:
    """Behind an array; `at` is behind its bracket."""
    at = _blank(scan, at)
    if at < scan.end and at[0] == c"]":
        return at + 1
    while True:
        at = _value(scan, at, NULL, depth)
        if at == NULL:
            return NULL
        at = _blank(scan, at)
        if at == scan.end:
            return NULL
        if at[0] == c"]":
            return at + 1
        if at[0] != c",":
            return NULL
        at = _blank(scan, at + 1)


cdef inline const char* _value(Scan* scan, const char* at, Key* key, int depth) noexcept nogil:
    """Behind a value, which is kept where its key is wanted."""
    cdef const char* begin = at
    cdef Wanted* below = NULL
    cdef bint escaped = False
    cdef int kind = KIND_NULLED
    if key != NULL and key.below != NULL:
        below = key.below
        if below.stamp == scan.stamp:
            return _doubt(scan)  # the last of them counts alone, with what it lacks
        below.stamp = scan.stamp
    if at == scan.end:
        return NULL
    if at[0] == c'"':
        begin += 1
        at = _string(scan, begin, &escaped)
        if at == NULL:
            return NULL
        if key != NULL:
            _keep(scan, key, begin, at - begin, KIND_ESCAPED if escaped else KIND_STRING)
        return at + 1
    if at[0] == c"{" or at[0] == c"[":
        if depth == DEEPEST:
            return _doubt(scan)
        if at[0] == c"{":
            kind = KIND_OBJECT
            at = _object(scan, at + 1, below, depth + 1)
        else:
            kind = KIND_ARRAY
            at = _array(scan, at + 1, depth + 1)
    else:
        at = _plain(scan, at, &kind)
        if at != NULL and key != NULL and at - begin > LONGEST_NUMBER:
            return _doubt(scan)  # Python may refuse to make a number of it
    if at != NULL and key != NULL:
        _keep(scan, key, begin, at - begin, kind)
    return at


cdef inline void _keep(
    Scan* scan, Key* key, const char* at, Py_ssize_t size, int kind
) noexcept nogil:
    cdef Slot* slot
    if key.slot >= 0:
        slot = &scan.slots[key.slot]
        slot.at, slot.size, slot.kind, slot.stamp = at, size, kind, scan.stamp


cdef inline const char* _plain(Scan* scan, const char* at, int* kind) noexcept nogil:
    """Behind a number or a word."""
    cdef Py_ssize_t left = scan.end - at
    if c"0" <= at[0] <= c"9":
        return _number(scan, at, kind)
    if at[0] == c"-":
        if left >= 9 and memcmp(at, b"-Infinity", 9) == 0:
            kind[0] = KIND_NULLED
            return at + 9
        return _number(scan, at, kind)
    if left >= 4 and memcmp(at, b"true", 4) == 0:
        kind[0] = KIND_TRUE
        return at + 4
    if left >= 5 and memcmp(at, b"false", 5) == 0:
        kind[0] = KIND_FALSE
        return at + 5
    if left >= 4 and memcmp(at, b"null", 4) == 0:
        kind[0] = KIND_NULLED
        return at + 4
    if left >= 3 and memcmp(at, b"NaN", 3) == 0:
        kind[0] = KIND_NULLED
        return at + 3
    if left >= 8 and memcmp(at, b"Infinity", 8) == 0:
        kind[0] = KIND_NULLED
        return at + 8
    return NULL


cdef inline const char* _number(Scan* scan, const char* at, int* kind) noexcept nogil:
    """Behind a number. What follows one that ends too early is no comma, which the caller sees."""
    cdef const char* end = scan.end
    kind[0] = KIND_INTEGER
    if at[0] == c"-":
        at += 1
    if at == end or not c"0" <= at[0] <= c"9":
        return NULL
    if at[0] == c"0":
        at += 1
    else:
        at = _behind_digits(at, end)
    if end - at > 1 and at[0] == c"." and c"0" <= at[1] <= c"9":
        kind[0] = KIND_FLOAT
        at = _behind_digits(at + 1, end)
    if at < end and (at[0] == c"e" or at[0] == c"E"):
        at += 1
        if at < end and (at[0] == c"-" or at[0] == c"+"):
            at += 1
        if at == end or not c"0" <= at[0] <= c"9":
            return NULL
        kind[0] = KIND_FLOAT
        at = _behind_digits(at, end)
    return at


cdef inline const char* _behind_digits(const char* at, const char* end) noexcept nogil:
    while at < end and c"0" <= at[0] <= c"9":
        at += 1
    return at


cdef inline const char* _string(Scan* scan, const char* at, bint* escaped) noexcept nogil:
    """The quote that ends a string; `at` is behind the one that begins it."""
    escaped[0] = False
    while True:
        at = seek_quote(at, scan.end)
        if at == scan.end:
            return NULL
        if at[0] == c'"':
            return at
        escaped[0] = True
        at = _escape(scan, at)
        if at == NULL:
            return NULL


cdef inline const char* _escape(Scan* scan, const char* at) noexcept nogil:
    """Behind an escape."""
    cdef Py_ssize_t left = scan.end - at
    if left < 2:
        return NULL
    if at[1] != c"u":
        return at + 2 if memchr(b'"\\/bfnrt', at[1], 8) != NULL else NULL
    if left > 3 and (at[2] == c"d" or at[2] == c"D") and hex_digit(at[3]) >= 8:
        # Half of a pair is read as U+FFFD, whatever follows it.
        if left < 12 or not _is_pair(at):
            return _doubt(scan)
        return at + 12
    if left < 6 or (hex_digit(at[2]) | hex_digit(at[3]) | hex_digit(at[4]) | hex_digit(at[5])) < 0:
        return NULL
    return at + 6


cdef inline bint _is_pair(const char* at) noexcept nogil:
    """Whether twelve bytes, of which the first four were looked at, are two surrogates."""
    return (
        hex_digit(at[3]) < 12
        and at[6] == c"\\"
        and at[7] == c"u"
        and (at[8] == c"d" or at[8] == c"D")
        and hex_digit(at[9]) >= 12
        and (hex_digit(at[4]) | hex_digit(at[5]) | hex_digit(at[10]) | hex_digit(at[11])) >= 0
    )


cdef inline int hex_digit(char digit) noexcept nogil:
    """The value of a digit; -1 for none."""
    if c"0" <= digit <= c"9":
        return digit - c"0"
    if c"a" <= digit <= c"f":
        return digit - c"a" + 10
    if c"A" <= digit <= c"F":
        return digit - c"A" + 10
    return -1
