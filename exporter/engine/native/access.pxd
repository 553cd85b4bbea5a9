"""Access lines in common and combined format, and request lines; all of ASCII."""

from libc.string cimport memchr, memcmp

from exporter.engine.native.meant cimport tell
from exporter.engine.native.slots cimport ASK, NO, YES
from exporter.engine.native.state cimport Walk
from exporter.engine.native.times cimport digits_at, two_digits

cdef enum:
    LONGEST_CALLER = 700
    LONGEST_METHOD = 32
    TIME_SIZE = 26  # 20/Nov/2026:23:58:11 +0000
    LONGEST_SIZE = 20


cdef struct Text:
    const char* at
    const char* end  # NULL for none


cdef inline void tell_request(Walk* walk, const char* at, const char* end) noexcept nogil:
    """Tell the parts of `GET /a?b=1 HTTP/1.1`; all of what is no request line."""
    cdef const char* method = <const char*>memchr(at, c" ", end - at)
    cdef const char* protocol
    cdef const char* query
    cdef const char* begin = at
    if method == NULL or not _is_method(at, method):
        tell(walk, b"request", 7, begin, end - begin)
        return
    at = method + 1
    protocol = end
    while protocol > at and protocol[0] != c" ":
        protocol -= 1
    if protocol == at or end - protocol < 6 or memcmp(protocol + 1, b"HTTP/", 5) != 0:
        tell(walk, b"request", 7, begin, end - begin)
        return
    query = <const char*>memchr(at, c"?", protocol - at)
    if query == NULL:
        query = protocol
    tell(walk, b"method", 6, begin, method - begin)
    tell(walk, b"path", 4, at, query - at)
    at = query + 1 if query < protocol else protocol
    tell(walk, b"query", 5, at, protocol - at)
    tell(walk, b"protocol", 8, protocol + 1, end - protocol - 1)


cdef inline bint _is_method(const char* at, const char* end) noexcept nogil:
    if at == end or end - at > LONGEST_METHOD or not c"A" <= at[0] <= c"Z":
        return False
    while at < end and (c"A" <= at[0] <= c"Z" or at[0] == c"_" or at[0] == c"-"):
        at += 1
    return at == end


cdef inline bint _is_time(const char* at) noexcept nogil:
    return (
        at[2] == c"/"
        and c"A" <= at[3] <= c"Z"
        and c"a" <= at[4] <= c"z"
        and c"a" <= at[5] <= c"z"
        and at[6] == c"/"
        and at[11] == c":"
        and at[14] == c":"
        and at[17] == c":"
        and at[20] == c" "
        and (at[21] == c"+" or at[21] == c"-")
        and two_digits(at) + two_digits(at + 7) + two_digits(at + 9) + two_digits(at + 12) >= 0
        and two_digits(at + 15) + two_digits(at + 18) >= 0
        and two_digits(at + 22) + two_digits(at + 24) >= 0
    )


cdef inline const char* _time(const char* at, const char* end) noexcept nogil:
    """The bracket in front of the first time; NULL for none."""
    cdef const char* begin = at
    if end - at > LONGEST_CALLER:
        end = at + LONGEST_CALLER
    while True:
        at = <const char*>memchr(at, c"[", end - at)
        if at == NULL or end - at < TIME_SIZE + 3:
            return NULL
        if at > begin and at[-1] == c" " and at[TIME_SIZE + 1] == c"]":
            if at[TIME_SIZE + 2] == c" " and _is_time(at + 1):
                return at
        at += 1


cdef inline int _quoted(const char* at, const char* end, Text* out) noexcept nogil:
    """The quoted text that opens at `at`; ASK where quotes are escaped in it."""
    out.end = NULL
    if at >= end or at[0] != c'"':
        return NO
    out.at = at + 1
    at = <const char*>memchr(at + 1, c'"', end - at - 1)
    if at == NULL:
        return NO
    if at[-1] == c"\\":
        return ASK
    out.end = at
    return YES


cdef inline int tell_access(Walk* walk, const char* at, const char* end) noexcept nogil:
    """Tell the fields of an access line, with its time; NO for anything else."""
    cdef const char* time = _time(at, end)
    cdef const char* address
    cdef const char* user
    cdef const char* size
    cdef const char* status
    cdef Text request
    cdef int found
    if time == NULL or at[0] == c"[":
        return NO
    address = <const char*>memchr(at, c" ", time - 1 - at)
    if address == NULL:
        return NO
    user = <const char*>memchr(address + 1, c" ", time - 1 - address - 1)
    if user == NULL:
        return NO
    found = _quoted(time + TIME_SIZE + 3, end, &request)
    if found != YES:
        return found
    status = request.end + 2
    if end - status < 5 or status[-1] != c" " or status[3] != c" " or digits_at(status, end, 3) != 3:
        return NO
    size = status + 4
    found = 1 if size[0] == c"-" else digits_at(size, end, LONGEST_SIZE)
    if not 1 <= found <= LONGEST_SIZE:
        return NO
    if size + found < end and size[found] != c" ":
        return NO
    walk.front.time = time + 1
    walk.front.time_size = TIME_SIZE
    tell(walk, b"remote_addr", 11, at, address - at)
    tell(walk, b"remote_user", 11, user + 1, time - 1 - user - 1)
    tell_request(walk, request.at, request.end)
    tell(walk, b"status", 6, status, 3)
    tell(walk, b"size", 4, size, found)
    return _tell_agent(walk, size + found, end)


cdef inline int _tell_agent(Walk* walk, const char* at, const char* end) noexcept nogil:
    """Tell the referer and the user agent, where both are there, and what follows them."""
    cdef Text referer, agent
    cdef int found = _quoted(at + 1, end, &referer)
    if found == YES:
        found = _quoted(referer.end + 2, end, &agent)
    if found == ASK:
        return ASK
    if found == YES:
        tell(walk, b"referer", 7, referer.at, referer.end - referer.at)
        tell(walk, b"user_agent", 10, agent.at, agent.end - agent.at)
        at = agent.end + 1
    while at < end and at[0] == c" ":
        at += 1
    while end > at and end[-1] == c" ":
        end -= 1
    if at < end:
        tell(walk, b"rest", 4, at, end - at)
    return YES
