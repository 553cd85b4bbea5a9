"""Times as `parsers.times.seconds` and `parsers.heads.read_head` read them."""

from libc.stdint cimport int64_t
from libc.string cimport memcmp

from exporter.engine.native.numbers cimport json_number, number_powers
from exporter.engine.native.slots cimport (
    ASK,
    KIND_ESCAPED,
    KIND_FLOAT,
    KIND_GO,
    KIND_INTEGER,
    KIND_STRING,
    NO,
    YES,
)

cdef enum:
    LOCAL_UNKNOWN = 1 << 30  # the zone's distance from UTC is not always the same
    LONGEST_TIME = 64
    MOST_DIGITS = 25  # of a number that is a time
    EARLIEST_YEAR = 1970
    NO_DIGITS = -100_000  # below what the digits beside could make up for


cdef inline int two_digits(const char* at) noexcept nogil:
    """What two digits say."""
    cdef int tens = at[0] - c"0", ones = at[1] - c"0"
    return tens * 10 + ones if 0 <= tens <= 9 and 0 <= ones <= 9 else NO_DIGITS


cdef inline int digits_at(const char* at, const char* end, int most) noexcept nogil:
    """How many digits stand there; `most` + 1 where they are more."""
    cdef int count = 0
    while count <= most and at + count < end and c"0" <= at[count] <= c"9":
        count += 1
    return count


cdef inline bint is_clock(const char* at, const char* end) noexcept nogil:
    """Whether `2026-11-20T23:58:29` stands there, with any digits and `-` or `/`."""
    return (
        end - at >= 19
        and (at[4] == c"-" or at[4] == c"/")
        and at[7] == at[4]
        and (at[10] == c"T" or at[10] == c" ")
        and at[13] == c":"
        and at[16] == c":"
        and two_digits(at) + two_digits(at + 2) + two_digits(at + 5) + two_digits(at + 8) >= 0
        and two_digits(at + 11) + two_digits(at + 14) + two_digits(at + 17) >= 0
    )


cdef inline const char* offset_at(const char* at, const char* end, int* east) noexcept nogil:
    """Behind `+01:00` or `+0100`, with the seconds that it says; NULL for anything else."""
    cdef const char* minutes
    if end - at < 5 or (at[0] != c"+" and at[0] != c"-"):
        return NULL
    minutes = at + 4 if at[3] == c":" else at + 3
    if end - minutes < 2 or two_digits(at + 1) < 0 or two_digits(minutes) < 0:
        return NULL
    east[0] = two_digits(at + 1) * 3600 + two_digits(minutes) * 60
    if at[0] == c"-":
        east[0] = -east[0]
    return minutes + 2


cdef inline Py_ssize_t head_time(const char* at, const char* end) noexcept nogil:
    """The length of a head's time that a space or the end follows; 0 for none."""
    cdef const char* begin = at
    cdef int fraction, east = 0
    if not is_clock(at, end) or at[4] != c"-":
        return 0
    at += 19
    if at < end and (at[0] == c"." or at[0] == c","):
        fraction = digits_at(at + 1, end, 9)
        if not 1 <= fraction <= 9:
            return 0
        at += 1 + fraction
    if at < end and at[0] == c"Z":
        at += 1
    elif at < end and at[0] != c" ":
        at = offset_at(at, end, &east)
        if at == NULL:
            return 0
    return at - begin if at == end or at[0] == c" " else 0


cdef inline int64_t _days(int year, int month, int day) noexcept nogil:
    """Days since 1970-01-01, -1 for a day that is in no calendar; years from 1970 on."""
    cdef int64_t before
    cdef int last = 31
    if not 1 <= month <= 12:
        return -1
    if month == 4 or month == 6 or month == 9 or month == 11:
        last = 30
    elif month == 2:
        last = 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    if not 1 <= day <= last:
        return -1
    if month <= 2:  # years that begin in March end in the leap day
        year -= 1
        month += 12
    before = <int64_t>year * 365 + year // 4 - year // 100 + year // 400
    return before + (153 * (month - 3) + 2) // 5 + day - 719_469


cdef inline int _epoch(double found, double* out) noexcept nogil:
    """Seconds of a number whose unit its size tells."""
    if not 1e8 <= found < 1e20:
        return NO
    if found < 1e11:
        out[0] = found
    elif found < 1e14:
        out[0] = found / 1e3
    elif found < 1e17:
        out[0] = found / 1e6
    else:
        out[0] = found / 1e9
    return YES


cdef inline int _number_seconds(
    int kind, const char* at, Py_ssize_t size, double* out
) noexcept nogil:
    cdef double found = 0
    cdef int answer = json_number(kind, at, size, &found)
    return _epoch(found, out) if answer == YES else answer


cdef inline int _instant(
    int year, int64_t days, const char* clock, int east, double fraction, double* out
) noexcept nogil:
    """Of a day and of a clock that reads `23:58:29` there."""
    cdef int second = two_digits(clock + 6)
    cdef int leap = 1 if second == 60 else 0  # the first second of the next minute
    if year < EARLIEST_YEAR:
        return ASK
    if days < 0 or two_digits(clock) > 23 or two_digits(clock + 3) > 59 or second - leap > 59:
        return NO
    if not -86_400 < east < 86_400:
        return NO
    days = days * 86_400 + two_digits(clock) * 3600 + two_digits(clock + 3) * 60 + second - east
    out[0] = <double>days + fraction
    return YES


cdef inline int _access_seconds(const char* at, const char* end, double* out) noexcept nogil:
    """Of `20/Nov/2026:23:58:11 +0000`, as access logs have it."""
    cdef const char* names = b"JanFebMarAprMayJunJulAugSepOctNovDec"
    cdef int month = 0, east = 0
    cdef int year
    if end - at != 26 or at[2] != c"/" or at[6] != c"/" or at[11] != c":" or at[14] != c":":
        return ASK
    if at[17] != c":" or at[20] != c" " or offset_at(at + 21, end, &east) != end:
        return ASK
    year = two_digits(at + 7) * 100 + two_digits(at + 9)
    if year < 0 or two_digits(at) + two_digits(at + 12) + two_digits(at + 15) + two_digits(at + 18) < 0:
        return ASK
    while month < 12 and memcmp(at + 3, names + 3 * month, 3) != 0:
        month += 1
    return _instant(year, _days(year, month + 1, two_digits(at)), at + 12, east, 0.0, out)


cdef inline int text_seconds(
    const char* at, Py_ssize_t size, int local, double* out
) noexcept nogil:
    """Of a text. `local`: how many seconds east of UTC a time lies that names no zone."""
    cdef const char* end = at + size
    cdef const char* digits
    cdef int i, year, count = 0, east = local
    cdef int64_t fraction = 0
    if size > LONGEST_TIME:
        return ASK
    if not is_clock(at, end):
        # All digits; more of them than a double holds are asked for there.
        if size > MOST_DIGITS or digits_at(at, end, MOST_DIGITS) < size:
            return _access_seconds(at, end, out)
        return _number_seconds(KIND_INTEGER, at, size, out)
    digits = at + 19
    if digits < end and (digits[0] == c"." or digits[0] == c","):
        count = digits_at(digits + 1, end, 12)
        if not 1 <= count <= 12:
            return ASK
        for i in range(count):
            fraction = fraction * 10 + (digits[1 + i] - c"0")
        digits += 1 + count
    if digits == end:
        if local == LOCAL_UNKNOWN:
            return ASK
    else:
        if digits[0] == c" ":
            digits += 1
        if digits + 1 == end and digits[0] == c"Z":
            east = 0
        elif offset_at(digits, end, &east) != end:
            return ASK  # what is rare, and what is no time
    year = two_digits(at) * 100 + two_digits(at + 2)
    return _instant(
        year, _days(year, two_digits(at + 5), two_digits(at + 8)), at + 11, east,
        <double>fraction / number_powers[count], out,
    )


cdef inline int json_seconds(
    int kind, const char* at, Py_ssize_t size, int local, double* out
) noexcept nogil:
    """Of a slot of `scan_json`."""
    if kind == KIND_STRING:
        return text_seconds(at, size, local, out)
    if kind == KIND_INTEGER or kind == KIND_FLOAT:
        return _number_seconds(kind, at, size, out)
    return ASK if kind == KIND_ESCAPED or kind == KIND_GO else NO
