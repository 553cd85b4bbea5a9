"""Numbers as `exporter.engine.values.number` reads them.

A decimal of at most 15 digits and a small power of ten are both exact as doubles, so that one
multiplication or division of them rounds as `float` does. All others are asked for.
"""

from libc.stdint cimport uint64_t

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

cdef extern from *:
    """
    #include <float.h>
    /* Where intermediate results are wider than a double, they are rounded twice. */
    #define NUMBERS_ROUND_ONCE (FLT_EVAL_METHOD == 0)
    static const double number_powers[23] = {
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
        1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    """
    const double number_powers[23]
    const bint NUMBERS_ROUND_ONCE

cdef enum:
    MOST_DIGITS = 15
    MOST_POWER = 22
    MOST_EXPONENT = 9999


cdef inline bint _gather(
    const char** at, const char* end, uint64_t* digits, int* significant
) noexcept nogil:
    """Take digits up; False where they are too many to be exact."""
    while at[0] < end and c"0" <= at[0][0] <= c"9":
        if significant[0] or at[0][0] != c"0":
            significant[0] += 1
            if significant[0] > MOST_DIGITS:
                return False
        digits[0] = digits[0] * 10 + <unsigned>(at[0][0] - c"0")
        at[0] += 1
    return True


cdef inline int number(const char* at, Py_ssize_t size, double* out) noexcept nogil:
    """Of a text, out of its quotes. NO for what is no number; `out` is finite after YES."""
    cdef const char* end = at + size
    cdef const char* begin
    cdef uint64_t digits = 0
    cdef int significant = 0, power = 0, exponent = 0
    cdef bint negative = False, below = False, some = False
    if at == end:
        return NO
    if at[0] == c"-" or at[0] == c"+":
        negative = at[0] == c"-"
        at += 1
    begin = at
    if not _gather(&at, end, &digits, &significant):
        return ASK
    some = at > begin
    if at < end and at[0] == c".":
        at += 1
        begin = at
        if not _gather(&at, end, &digits, &significant) or at - begin > MOST_EXPONENT:
            return ASK
        power = -<int>(at - begin)
        some = some or at > begin
    if not some:
        return NO
    if at < end and (at[0] == c"e" or at[0] == c"E"):
        at += 1
        if at < end and (at[0] == c"-" or at[0] == c"+"):
            below = at[0] == c"-"
            at += 1
        begin = at
        while at < end and c"0" <= at[0] <= c"9":
            exponent = exponent * 10 + (at[0] - c"0")
            if exponent > MOST_EXPONENT:
                return ASK
            at += 1
        if at == begin:
            return NO
        power += -exponent if below else exponent
    if at != end:
        return NO
    out[0] = <double>digits
    if power and digits:
        if not NUMBERS_ROUND_ONCE or not -MOST_POWER <= power <= MOST_POWER:
            return ASK
        if power < 0:
            out[0] /= number_powers[-power]
        else:
            out[0] *= number_powers[power]
    if negative:
        out[0] = -out[0]
    return YES


cdef inline int json_number(
    int kind, const char* at, Py_ssize_t size, double* out
) noexcept nogil:
    """Of a slot of `scan_json`."""
    cdef int found
    if kind == KIND_STRING or kind == KIND_FLOAT:
        return number(at, size, out)
    if kind == KIND_INTEGER:
        found = number(at, size, out)
        out[0] += 0.0  # an integer has no -0
        return found
    return ASK if kind == KIND_ESCAPED or kind == KIND_GO else NO
