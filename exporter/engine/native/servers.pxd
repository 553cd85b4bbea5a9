"""Lines of uvicorn, gunicorn and nginx; those that are not all of ASCII are left to Python."""

from libc.stdint cimport int64_t
from libc.string cimport memchr, memcmp

from exporter.engine.native.access cimport tell_access, tell_request
from exporter.engine.native.heads cimport is_upper
from exporter.engine.native.meant cimport rank_at, take_told, tell
from exporter.engine.native.seeking cimport seek_high, seek_text
from exporter.engine.native.slots cimport ASK, YES
from exporter.engine.native.state cimport (
    DOUBT,
    FORM_GUNICORN,
    FORM_NGINX,
    FORM_UVICORN,
    NO_LEVEL,
    Walk,
)
from exporter.engine.native.times cimport digits_at, is_clock, two_digits

cdef extern from *:
    """
    static const char servers_access[] = "access";
    """
    const char* ACCESS "servers_access"

cdef enum:
    UVICORN_WIDTH = 10
    LONGEST_CLIENT = 100
    LONGEST_REQUEST = 65_536
    LONGEST_REASON = 60
    CLOCK = 19  # 2026/11/20 23:58:29
    ZONED = 25  # 2026-11-20 23:58:29 +0000
    LONGEST_PID = 10
    LONGEST_CONNECTION = 20


# -- uvicorn ---------------------------------------------------------------------------------------


cdef inline int take_uvicorn(Walk* walk) noexcept nogil:
    """`INFO:     message`."""
    cdef const char* at = walk.line.at
    cdef const char* end = at + walk.line.size
    cdef const char* message = at + UVICORN_WIDTH
    cdef int64_t rank
    if end < message or seek_high(at, end) != end:
        return DOUBT
    while at < message and is_upper(at[0]):
        at += 1
    if at >= message - 1 or at[0] != c":":
        return DOUBT
    rank = rank_at(walk, walk.line.at, at - walk.line.at)
    at += 1
    while at < message:
        if at[0] != c" ":
            return DOUBT
        at += 1
    walk.front.time = NULL
    if _tell_call(walk, message, end):
        return take_told(walk, FORM_UVICORN, rank, ACCESS, ACCESS + 6)
    return take_told(walk, FORM_UVICORN, rank, message, end)


cdef inline bint _tell_call(Walk* walk, const char* at, const char* end) noexcept nogil:
    """Tell the fields of `172.20.0.1:46812 - "GET / HTTP/1.1" 200 OK`; False for anything else."""
    cdef const char* client = <const char*>memchr(at, c" ", end - at)
    cdef const char* request
    cdef const char* quote
    cdef const char* status
    if client == NULL or client - at > LONGEST_CLIENT or end - client < 10:
        return False
    if memcmp(client, b' - "', 4) != 0 or memchr(at, c'"', client - at) != NULL:
        return False
    request = client + 4
    quote = <const char*>memchr(request, c'"', end - request)
    if quote == NULL or not 1 <= quote - request <= LONGEST_REQUEST:
        return False
    status = quote + 2
    if status > end or status[-1] != c" " or digits_at(status, end, 3) != 3:
        return False
    if status + 3 < end and not _is_reason(status + 3, end):
        return False
    tell(walk, b"client", 6, at, client - at)
    tell_request(walk, request, quote)
    tell(walk, b"status", 6, status, 3)
    return True


cdef inline bint _is_reason(const char* at, const char* end) noexcept nogil:
    if at[0] != c" " or end - at - 1 > LONGEST_REASON:
        return False
    at += 1
    while at < end and (
        c"A" <= at[0] <= c"Z" or c"a" <= at[0] <= c"z" or at[0] == c" " or at[0] == c"-"
        or at[0] == c"'"
    ):
        at += 1
    return at == end


# -- gunicorn --------------------------------------------------------------------------------------


cdef inline int take_gunicorn(Walk* walk) noexcept nogil:
    """`[2026-02-11 07:00:02 +0000] [9] [INFO] message`."""
    cdef const char* line = walk.line.at
    cdef const char* end = line + walk.line.size
    cdef const char* at = line + ZONED + 4
    cdef const char* pid = at
    cdef const char* word
    cdef int64_t rank
    cdef int found
    if end - at < 8 or not is_clock(line + 1, end) or line[5] != c"-" or line[11] != c" ":
        return DOUBT
    if line[20] != c" " or (line[21] != c"+" and line[21] != c"-"):
        return DOUBT
    if two_digits(line + 22) < 0 or two_digits(line + 24) < 0 or memcmp(at - 3, b"] [", 3) != 0:
        return DOUBT
    found = digits_at(at, end, LONGEST_PID)
    at += found
    if not 1 <= found <= LONGEST_PID or end - at < 4 or memcmp(at, b"] [", 3) != 0:
        return DOUBT
    word = at + 3
    at = word
    while at < end and is_upper(at[0]):
        at += 1
    if not 3 <= at - word <= 11 or at == end or at[0] != c"]":
        return DOUBT
    if (at + 1 < end and at[1] != c" ") or seek_high(line, end) != end:
        return DOUBT
    rank = rank_at(walk, word, at - word)
    at = at + 2 if at + 1 < end else end
    found = tell_access(walk, at, end) if at < end else 0
    if found == ASK:
        return DOUBT
    walk.front.time = line + 1
    walk.front.time_size = ZONED
    tell(walk, b"pid", 3, pid, word - 3 - pid)
    if found == YES:
        return take_told(walk, FORM_GUNICORN, rank, ACCESS, ACCESS + 6)
    return take_told(walk, FORM_GUNICORN, rank, at, end)


# -- nginx -----------------------------------------------------------------------------------------


cdef inline int take_nginx(Walk* walk) noexcept nogil:
    """An access line that begins with an address of digits, or an error line."""
    cdef const char* at = walk.line.at
    cdef const char* end = at + walk.line.size
    if walk.line.size < CLOCK + 8 or at[4] == c"-" or seek_high(at, end) != end:
        return DOUBT
    if at[4] == c"/":
        return _take_error(walk, at, end)
    if tell_access(walk, at, end) != YES:
        return DOUBT
    return take_told(walk, FORM_NGINX, NO_LEVEL, ACCESS, ACCESS + 6)


cdef inline int _take_error(Walk* walk, const char* line, const char* end) noexcept nogil:
    """`2026/11/20 23:58:29 [error] 29#29: *413 message, client: 203.0.113.9, ...`."""
    cdef const char* at = line + CLOCK + 2
    cdef const char* word = at
    cdef const char* pid
    cdef const char* connection
    cdef const char* client
    cdef int64_t rank
    cdef int found
    if not is_clock(line, end) or line[10] != c" " or line[19] != c" " or line[20] != c"[":
        return DOUBT
    while at < end and c"a" <= at[0] <= c"z":
        at += 1
    if not 3 <= at - word <= 8 or end - at < 3 or at[0] != c"]" or at[1] != c" ":
        return DOUBT
    rank = rank_at(walk, word, at - word)
    if rank == -1:
        rank = NO_LEVEL
    pid = at + 2
    found = digits_at(pid, end, LONGEST_PID)
    at = pid + found
    if not 1 <= found <= LONGEST_PID or at == end or at[0] != c"#":
        return DOUBT
    tell(walk, b"pid", 3, pid, found)
    at += 1
    found = digits_at(at, end, LONGEST_PID)
    at += found
    if not 1 <= found <= LONGEST_PID or end - at < 2 or at[0] != c":" or at[1] != c" ":
        return DOUBT
    at += 2
    if at < end and at[0] == c"*":
        connection = at + 1
        found = digits_at(connection, end, LONGEST_CONNECTION)
        if 1 <= found <= LONGEST_CONNECTION and connection + found < end:
            if connection[found] == c" ":
                tell(walk, b"connection", 10, connection, found)
                at = connection + found + 1
    client = seek_text(at, end, b", client: ", 10)
    if client == NULL:
        client = end
    if not _tell_context(walk, client, end):
        return DOUBT
    walk.front.time = line
    walk.front.time_size = CLOCK
    return take_told(walk, FORM_NGINX, rank, at, client)


cdef inline Py_ssize_t _context(const char* at, const char* end) noexcept nogil:
    """The length of a name of the context that `, ` precedes and `: ` follows; 0 for none."""
    cdef const char* begin = at + 2
    cdef Py_ssize_t size = 0
    if end - at < 6 or at[1] != c" ":
        return 0
    while begin + size < end and c"a" <= begin[size] <= c"z":
        size += 1
    if end - begin - size < 2 or begin[size] != c":" or begin[size + 1] != c" ":
        return 0
    if size == 4:
        return size if memcmp(begin, b"host", 4) == 0 else 0
    if size == 6:
        if memcmp(begin, b"client", 6) == 0 or memcmp(begin, b"server", 6) == 0:
            return size
    if size == 7:
        return size if memcmp(begin, b"request", 7) == 0 else 0
    if size == 8:
        if memcmp(begin, b"upstream", 8) == 0 or memcmp(begin, b"referrer", 8) == 0:
            return size
    return size if size == 10 and memcmp(begin, b"subrequest", 10) == 0 else 0


cdef inline bint _tell_context(Walk* walk, const char* at, const char* end) noexcept nogil:
    """Tell what an error line says of its request; False where a name comes twice."""
    cdef const char* name
    cdef const char* value
    cdef Py_ssize_t size, next_size
    cdef unsigned seen = 0, bit
    size = _context(at, end)
    while size:
        name = at + 2
        bit = 1 << (size + (name[0] == c"s" or name[0] == c"r") * 16)
        if seen & bit:
            return False
        seen |= bit
        value = name + size + 2
        at = value
        next_size = 0
        while not next_size:
            at = <const char*>memchr(at, c",", end - at)
            if at == NULL:
                at = end
                break
            next_size = _context(at, end)
            at += not next_size
        if at - value == 1 and value[0] == c'"':
            return False
        if at - value > 1 and value[0] == c'"' and at[-1] == c'"':
            tell(walk, name, size, value + 1, at - value - 2)
        else:
            tell(walk, name, size, value, at - value)
        size = next_size
    return True
