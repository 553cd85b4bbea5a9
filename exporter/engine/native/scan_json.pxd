"""One strict pass over a JSON line, as `parsers.jsonlines` reads it, without building values.

What some rule wants leaves in its slot where it stands and what it is. A slot is stamped with the
line's number, so that nothing is cleared between lines.
"""

from libc.stdint cimport uint64_t
from libc.string cimport memchr, memcmp

from exporter.engine.native.seeking cimport seek_no_digit, seek_quote, seek_same
from exporter.engine.native.slots cimport (
    KIND_ARRAY,
    KIND_ESCAPED,
    KIND_FALSE,
    KIND_FLOAT,
    KIND_INTEGER,
    KIND_NULLED,
    KIND_OBJECT,
    KIND_STRING,
    KIND_TRUE,
    Slot,
)
from exporter.engine.native.wanted cimport (
    MET_TEXT,
    Key,
    Met,
    Wanted,
    key_place,
    meet,
    met_place,
    was_met,
)

cdef enum:
    JSON_DOUBT = -1  # the exact reading must decide
    JSON_BROKEN = 0  # it would find no object
    JSON_READ = 1

cdef enum:
    DEEPEST = 60  # of what stands in a line
    LONGEST_NUMBER = 255

cdef struct Scan:
    const char* end
    const char* limit
    Slot* slots
    uint64_t stamp
    int verdict


cdef inline int scan_json(
    const char* line,
    Py_ssize_t size,
    const char* limit,
    Wanted* wanted,
    Slot* slots,
    uint64_t stamp,
) noexcept nogil:
    """Read a bare line that begins with a brace; slots with this `stamp` hold its values.

    Memory may be read up to `limit`, which is not before the line's end.
    """
    cdef Scan scan
    cdef const char* at
    scan.end = line + size
    scan.limit = limit
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
    while at < scan.end and <unsigned char>at[0] <= 0x20:
        if at[0] != c" " and at[0] != c"\t" and at[0] != c"\n" and at[0] != c"\r":
            break
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
    cdef Met* before = &wanted.first if wanted != NULL else NULL
    at = _blank(scan, at)
    if at < scan.end and at[0] == c"}":
        return at + 1
    while at < scan.end and at[0] == c'"':
        name = at + 1
        if before != NULL and before.next != NULL and _comes(scan, name, before.next):
            before = before.next
            key = before.key
            at = name + before.size - 1
        else:
            at = _key(scan, name, wanted, &key, &before)
        if at == NULL or at == scan.end or at[0] != c":":
            return NULL
        at = _blank(scan, at + 1)
        at = _member(scan, at, key, depth)
        if at == NULL:
            return NULL
        at = _blank(scan, at)
        if at == scan.end:
            return NULL
        if at[0] != c",":
            return at + 1 if at[0] == c"}" else NULL
        at = _blank(scan, at + 1)
    return NULL


cdef inline const char* _member(Scan* scan, const char* at, Key* key, int depth) noexcept nogil:
    """As `_value`, by the way that is short for strings and whole numbers."""
    cdef const char* begin = at + 1
    cdef bint escaped
    if at == scan.end or (key != NULL and key.below != NULL):
        return _value(scan, at, key, depth)
    if at[0] == c'"':
        at = _string(scan, begin, &escaped)
        if at == NULL:
            return NULL
        if key != NULL:
            _keep(scan, key, begin, at - begin, KIND_ESCAPED if escaped else KIND_STRING)
        return at + 1
    if c"1" <= at[0] <= c"9":
        at = seek_no_digit(begin, scan.end, scan.limit)
        if at < scan.end and (at[0] == c"," or at[0] == c"}") and at - begin < LONGEST_NUMBER:
            if key != NULL:
                _keep(scan, key, begin - 1, at - begin + 1, KIND_INTEGER)
            return at
    return _value(scan, begin - 1, key, depth)


cdef inline bint _comes(Scan* scan, const char* name, const Met* met) noexcept nogil:
    """Whether that key stands there, with its colon."""
    if scan.limit - name < MET_TEXT or scan.end - name < met.size:
        return False
    return seek_same(name, met.text, met.size)


cdef inline const char* _key(
    Scan* scan, const char* name, Wanted* wanted, Key** key, Met** before
) noexcept nogil:
    """Where a key's colon must stand; NULL where the verdict is clear."""
    cdef Met* met = NULL
    cdef bint escaped
    cdef const char* at = _string(scan, name, &escaped)
    key[0] = NULL
    if at == NULL:
        return NULL
    if wanted == NULL:
        return _blank(scan, at + 1)
    if escaped:
        return _doubt(scan)
    if scan.end - at > 1 and at[1] == c":":
        met = met_place(wanted, name, at - name)
    if met != NULL and was_met(met, name, at - name):
        key[0] = met.key
    else:
        if 0 < at - name <= wanted.longest:
            key[0] = key_place(wanted.table, wanted.mask, name, at - name)
            if key[0].name == NULL:
                key[0] = NULL
            elif key[0].doubtful:
                return _doubt(scan)
        if met != NULL:
            meet(met, name, at - name, key[0])
    if met != NULL:
        before[0].next = met
        before[0] = met
    return _blank(scan, at + 1)


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
        at = seek_no_digit(at, end, scan.limit)
    if end - at > 1 and at[0] == c"." and c"0" <= at[1] <= c"9":
        kind[0] = KIND_FLOAT
        at = seek_no_digit(at + 1, end, scan.limit)
    if at < end and (at[0] == c"e" or at[0] == c"E"):
        at += 1
        if at < end and (at[0] == c"-" or at[0] == c"+"):
            at += 1
        if at == end or not c"0" <= at[0] <= c"9":
            return NULL
        kind[0] = KIND_FLOAT
        at = seek_no_digit(at, end, scan.limit)
    return at


cdef inline const char* _string(Scan* scan, const char* at, bint* escaped) noexcept nogil:
    """The quote that ends a string; `at` is behind the one that begins it."""
    at = seek_quote(at, scan.end, scan.limit)
    escaped[0] = False
    if at == scan.end:
        return NULL
    if at[0] == c'"':
        return at
    escaped[0] = True
    return _escaped_string(scan, at)


cdef inline const char* _escaped_string(Scan* scan, const char* at) noexcept nogil:
    """The same from the first escape on."""
    while at != scan.end and at[0] != c'"':
        at = _escape(scan, at)
        if at == NULL:
            return NULL
        at = seek_quote(at, scan.end, scan.limit)
    return at if at != scan.end else NULL


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
