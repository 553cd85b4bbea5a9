"""Envelopes as `parsers.docker_json.unwrap` and `parsers.cri.unwrap` take them off."""

from libc.string cimport memcmp

from exporter.engine.native.scan_json cimport hex_digit
from exporter.engine.native.seeking cimport seek_odd, seek_plain
from exporter.engine.native.slots cimport ASK, NO, YES
from exporter.engine.native.times cimport digits_at, is_clock, offset_at
from exporter.engine.native.unescaping cimport unescaping_copying
from exporter.engine.native.utf8 cimport is_utf8

cdef enum:
    LONGEST_TAGS = 100

cdef struct Entry:
    const char* text  # without the newline of a whole line
    Py_ssize_t size
    const char* time  # as it is spelled
    Py_ssize_t time_size
    bint error  # from stderr
    bint partial  # goes on in the next piece of the same stream
    bint plain  # no control character in the text


# -- Docker's json-file ----------------------------------------------------------------------------


cdef inline int docker_entry(
    const char* line, Py_ssize_t size, char* scratch, Entry* out
) noexcept nogil:
    """A line as the daemon spells it; ASK for any other spelling and for what is no entry.

    The text lies in `scratch`, which needs room for `size` bytes, or in the line itself.
    """
    cdef const char* at = line
    cdef const char* end = line + size
    cdef bint wide = False  # something may be no ASCII
    if not _takes(&at, end, b'{"log":"', 8):
        return ASK
    at = _log(at, end, scratch, out, &wide)
    if at == NULL:
        return ASK
    if _takes(&at, end, b'","stream":"stdout"', 19):
        out.error = False
    elif _takes(&at, end, b'","stream":"stderr"', 19):
        out.error = True
    else:
        return ASK
    if _takes(&at, end, b',"attrs":{', 10):
        wide = True
        at = _attributes(at, end)
        if at == NULL:
            return ASK
    if not _takes(&at, end, b',"time":"', 9):
        return ASK
    out.time = at
    out.time_size = end - at - 2
    if out.time_size < 0 or end[-2] != c'"' or end[-1] != c"}" or not seek_plain(at, end - 2):
        return ASK
    # Where something is no UTF-8, Python reads U+FFFD, which does not stand in the line.
    return YES if not wide or is_utf8(line, size) else ASK


cdef inline bint _takes(
    const char** at, const char* end, const char* text, Py_ssize_t size
) noexcept nogil:
    """Whether `text` stands there; `at` is behind it then."""
    if end - at[0] < size or memcmp(at[0], text, size) != 0:
        return False
    at[0] += size
    return True


cdef inline const char* _log(
    const char* at, const char* end, char* scratch, Entry* out, bint* wide
) noexcept nogil:
    """The quote that ends the log's text; NULL where Python must look."""
    cdef char* to = scratch
    cdef char* made
    out.plain = True
    out.partial = False
    out.text = scratch
    at = unescaping_copying(at, end, &to, wide)
    while at < end and at[0] == c"\\":
        if end - at > 2 and at[1] == c"n" and at[2] == c'"':
            out.size = to - scratch
            return at + 2
        made = to
        at = unescaped(at, end, &to)
        if at == NULL:
            return NULL
        if <unsigned char>made[0] < 0x20 and (
            made[0] != c"\n" or at == end or at[0] != c'"'
        ):
            out.plain = False
        at = unescaping_copying(at, end, &to, wide)
    if at == end or at[0] != c'"':
        return NULL
    out.size = to - scratch
    if out.size and to[-1] == c"\n":
        out.size -= 1
    else:
        out.partial = True
    return at


cdef inline const char* unescaped(const char* at, const char* end, char** to) noexcept nogil:
    """Behind an escape, whose meaning is put where `to` points; NULL where Python must look."""
    cdef char meant
    if end - at < 2:
        return NULL
    meant = at[1]
    if meant == c"u":
        return _character(at + 2, end, to)
    if meant == c"n":
        meant = c"\n"
    elif meant == c"t":
        meant = c"\t"
    elif meant == c"r":
        meant = c"\r"
    elif meant == c"b":
        meant = c"\b"
    elif meant == c"f":
        meant = c"\f"
    elif meant != c'"' and meant != c"\\" and meant != c"/":
        return NULL
    to[0][0] = meant
    to[0] += 1
    return at + 2


cdef inline int _unit(const char* at, const char* end) noexcept nogil:
    """What four hexadecimal digits say; -1 where they are none."""
    if end - at < 4:
        return -1
    if (hex_digit(at[0]) | hex_digit(at[1]) | hex_digit(at[2]) | hex_digit(at[3])) < 0:
        return -1
    return (
        hex_digit(at[0]) << 12 | hex_digit(at[1]) << 8 | hex_digit(at[2]) << 4 | hex_digit(at[3])
    )


cdef inline const char* _character(const char* at, const char* end, char** to) noexcept nogil:
    """The same behind `\\u`. It is never longer as UTF-8 than as it was spelled."""
    cdef int code = _unit(at, end), low
    cdef char* put = to[0]
    if code < 0:
        return NULL
    at += 4
    if 0xD800 <= code < 0xE000:
        if code >= 0xDC00 or end - at < 2 or at[0] != c"\\" or at[1] != c"u":
            return NULL
        low = _unit(at + 2, end)
        if not 0xDC00 <= low < 0xE000:
            return NULL
        at += 6
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
        put[0] = <char>(0xF0 | code >> 18)
        put[1] = <char>(0x80 | (code >> 12 & 0x3F))
        put += 2
    elif code >= 0x800:
        put[0] = <char>(0xE0 | code >> 12)
        put += 1
    if code >= 0x800:
        put[0] = <char>(0x80 | (code >> 6 & 0x3F))
        put += 1
    elif code >= 0x80:
        put[0] = <char>(0xC0 | code >> 6)
        put += 1
    put[0] = <char>(0x80 | (code & 0x3F)) if code >= 0x80 else <char>code
    to[0] = put + 1
    return at


cdef inline const char* _attributes(const char* at, const char* end) noexcept nogil:
    """Behind an object of strings without escapes, as the daemon adds it; else NULL."""
    while True:
        at = _simple(at, end)
        if at == NULL or at == end or at[0] != c":":
            return NULL
        at = _simple(at + 1, end)
        if at == NULL or at == end:
            return NULL
        if at[0] == c"}":
            return at + 1
        if at[0] != c",":
            return NULL
        at += 1


cdef inline const char* _simple(const char* at, const char* end) noexcept nogil:
    if at == end or at[0] != c'"':
        return NULL
    at = seek_odd(at + 1, end)
    return at + 1 if at < end and at[0] == c'"' else NULL


# -- the CRI ---------------------------------------------------------------------------------------


cdef inline int cri_entry(const char* line, Py_ssize_t size, Entry* out) noexcept nogil:
    """`TIME stdout F text`. The text is as it stands there: `plain` is not known and False."""
    cdef const char* at = line
    cdef const char* end = line + size
    cdef int tags = 0, fraction, east = 0
    if not is_clock(at, end) or at[4] != c"-" or at[10] != c"T":
        return NO
    at += 19
    if at < end and at[0] == c".":
        fraction = digits_at(at + 1, end, 9)
        if not 1 <= fraction <= 9:
            return NO
        at += 1 + fraction
    if at < end and at[0] == c"Z":
        at += 1
    elif end - at >= 6 and at[3] == c":":
        at = offset_at(at, end, &east)
        if at == NULL:
            return NO
    else:
        return NO
    out.time, out.time_size = line, at - line
    if _takes(&at, end, b" stdout ", 8):
        out.error = False
    elif _takes(&at, end, b" stderr ", 8):
        out.error = True
    else:
        return NO
    if at == end or (at[0] != c"F" and at[0] != c"P"):
        return NO
    out.partial = at[0] == c"P"
    out.plain = False
    at += 1
    if at < end and at[0] == c":":
        at += 1
        while at < end and at[0] != c" " and tags <= LONGEST_TAGS:
            at += 1
            tags += 1
        if tags > LONGEST_TAGS:
            return NO
    if at < end:
        if at[0] != c" ":
            return NO
        at += 1
    out.text, out.size = at, end - at
    return YES
