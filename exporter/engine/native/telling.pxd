"""Exceptions by their names: in texts of JSON, as they are spelled there, and below messages.

As `parsers.exceptions.exception_line` finds them: Python prints them below the frames, others in
the first line that can be one.
"""

from libc.string cimport memcmp

from exporter.engine.native.heads cimport behind_blanks, is_key_byte, is_letter, is_shown
from exporter.engine.native.moves cimport TAKEN
from exporter.engine.native.raising cimport (
    LONGEST_NAME,
    TRACE_SIZE,
    is_looked_at,
    is_trace,
    names_nothing,
    quotes_trace,
    take_name,
)
from exporter.engine.native.scan_json cimport hex_digit
from exporter.engine.native.seeking cimport seek_high, seek_odd, seek_text
from exporter.engine.native.slots cimport KIND_ESCAPED, Slot
from exporter.engine.native.state cimport (
    DOUBT,
    OF_TEXT,
    PAIRED,
    PASSED,
    QUIET,
    SPOKEN,
    Walk,
)

cdef enum:
    LONGEST_CODE = 20


cdef inline int take_text_type(Walk* walk, const Slot* text) noexcept nogil:
    """The exception that a text tells; PASSED where it is sure to tell none."""
    cdef const char* at = text.at
    cdef const char* end = at + text.size
    if _breaks_oddly(at, end) or text.kind == KIND_ESCAPED and _spells_letters(at, end):
        return DOUBT
    if not is_trace(at, text.size):
        return DOUBT if quotes_trace(at, end) else _first(walk, at, end)
    if seek_text(at, end, b"Exception Group", 15) != NULL:
        return DOUBT  # the innermost counts
    return _below_frames(walk, at + TRACE_SIZE, end)


cdef inline int _below_frames(Walk* walk, const char* at, const char* end) noexcept nogil:
    """The exception of a traceback, of whose head `at` is behind the words."""
    while True:
        at = _line_end(at, end, True)
        if at == NULL:
            return DOUBT
        if end - at <= 2:
            return PASSED
        at += 2
        if at[0] == c"\\" and at[1] != c"n" and at[1] != c"t":
            return DOUBT
        if at[0] != c" " and at[0] != c"\\":
            return _take_line(walk, at, _line_end(at, end, True))


cdef inline int _first(Walk* walk, const char* at, const char* end) noexcept nogil:
    """The first exception that a line of the text names."""
    cdef const char* stop
    cdef int found
    while True:
        while end - at >= 2 and (at[0] == c" " or at[0] == c"\\" and at[1] == c"t"):
            at += 1 if at[0] == c" " else 2
        stop = _line_end(at, end, False)
        if stop == NULL:
            return DOUBT
        if not names_nothing(at, stop):
            found = _take_line(walk, at, stop)
            if found != PASSED:
                return found
        if stop == end:
            return PASSED
        at = stop + 2


cdef inline int take_named(Walk* walk) noexcept nogil:
    """The indented line that may name the exception of the message above it, as .NET prints it."""
    cdef const char* at = walk.line.at
    cdef const char* end = at + walk.line.size
    cdef int found
    if names_nothing(at, end):
        return PASSED
    at = behind_blanks(at, end)
    if quotes_trace(at, end):
        return DOUBT
    found = _take_line(walk, at, end)
    return _count(walk) if found == TAKEN else found


cdef inline int take_frame(Walk* walk) noexcept nogil:
    """The indented line that makes an exception of an `error: message`, as Bun prints it."""
    cdef const char* end = walk.line.at + walk.line.size
    cdef const char* at = behind_blanks(walk.line.at, end)
    cdef int found
    if at == end:
        return PASSED
    if not is_shown(at[0]):
        return DOUBT  # there are other spaces
    if end - at < 3 or memcmp(at, b"at ", 3) != 0:
        return PASSED
    if end - at == 3 or not is_shown(at[3]):
        return DOUBT
    found = take_name(walk, b"Error", 5, OF_TEXT)
    return _count(walk) if found == TAKEN else found


cdef inline int _count(Walk* walk) noexcept nogil:
    """Count an exception of the newest record; no other can be part of it."""
    walk.values[walk.kinds[walk.kind]] += 1.0
    walk.own.kind = walk.kind
    walk.own.flags = QUIET | walk.own.flags & (PAIRED | SPOKEN)  # a traceback may be open
    return PASSED


cdef inline int _take_line(Walk* walk, const char* line, const char* stop) noexcept nogil:
    """The exception that a line names up to a colon or its end; PASSED for none."""
    cdef const char* at = line
    cdef const char* behind
    cdef int found
    if stop == NULL:
        return DOUBT
    while at < stop and is_key_byte(at[0]) and at[0] != c"-":
        at += 1
    if at < stop and at[0] == c"-":
        return PASSED  # no name goes on so, and none ends there
    if at == line or at - line > LONGEST_NAME:
        return DOUBT
    behind = _behind_code(at, stop)
    if behind < stop and (stop - behind < 2 or behind[0] != c":" or behind[1] != c" "):
        return DOUBT
    found = take_name(walk, line, at - line, OF_TEXT)
    return DOUBT if found == TAKEN and is_looked_at(walk, line, stop - line) else found


cdef inline const char* _behind_code(const char* at, const char* stop) noexcept nogil:
    """Behind the number in parentheses that .NET prints behind some types; else where it was."""
    cdef const char* end = at + 2
    if stop - at < 4 or at[0] != c" " or at[1] != c"(":
        return at
    while end < stop and (is_letter(end[0]) or c"0" <= end[0] <= c"9"):
        end += 1
    if end == stop or end[0] != c")" or not 1 <= end - at - 2 <= LONGEST_CODE:
        return at
    return end + 1


cdef inline bint _breaks_oddly(const char* at, const char* end) noexcept nogil:
    """Whether Python may see the end of a line (U+0085, U+2028, U+2029) in what is not ASCII."""
    at = seek_high(at, end)
    return at < end and (
        seek_text(at, end, b"\xc2\x85", 2) != NULL
        or seek_text(at, end, b"\xe2\x80\xa8", 3) != NULL
        or seek_text(at, end, b"\xe2\x80\xa9", 3) != NULL
    )


cdef inline bint _spells_letters(const char* at, const char* end) noexcept nogil:
    """Whether a letter may be spelled by its number, so that no word is sure to be seen."""
    while True:
        at = seek_text(at, end, b"\\u00", 4)
        if at == NULL or end - at < 5:
            return False
        at += 4
        if c"2" <= at[0] <= c"7":
            return True


cdef inline const char* _line_end(const char* at, const char* end, bint spaced) noexcept nogil:
    """The escape that ends a line, or the text's end; NULL where only Python can say.

    `spaced`: spaces may be spelled in it, as a tab or by its number.
    """
    while True:
        at = seek_odd(at, end)
        if at == end or at[0] == c"\\" and at[1] == c"n":
            return at
        if at[0] != c"\\":
            return NULL
        if at[1] == c'"' or at[1] == c"\\" or at[1] == c"/" or spaced and at[1] == c"t":
            at += 2
        elif spaced and at[1] == c"u" and not _may_break(at):
            at += 6
        else:
            return NULL


cdef inline bint _may_break(const char* escape) noexcept nogil:
    """Whether a character spelled by its number may end a line, or be part of a name."""
    cdef int number = 0
    cdef int i
    for i in range(2, 6):
        number = number << 4 | hex_digit(escape[i])
    return number < 0xA0 or number == 0x2028 or number == 0x2029
