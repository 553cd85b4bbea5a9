"""Lines of Celery, Alembic, Python's logging, and those with a level and a colon in front."""

from libc.stdint cimport int64_t
from libc.string cimport memchr, memcmp

from exporter.engine.native.heads cimport is_letter, is_upper
from exporter.engine.native.meant cimport rank_at, take_told, tell
from exporter.engine.native.moves cimport TAKEN
from exporter.engine.native.raising cimport is_looked_at, names_nothing
from exporter.engine.native.seeking cimport seek_high
from exporter.engine.native.state cimport (
    DOUBT,
    ERROR_RANK,
    FORM_ALEMBIC,
    FORM_CELERY,
    FORM_PREFIXED,
    FORM_PYTHON,
    Walk,
)
from exporter.engine.native.times cimport digits_at, head_time, is_clock

cdef enum:
    LEAST_WORD = 3
    MOST_WORD = 11
    MOST_FRACTION = 6
    LONGEST_TOLD = 200
    MOST_SPACES = 8
    PADDED = 10  # columns of a level of uvicorn


cdef inline bint _is_word_byte(char one) noexcept nogil:
    return is_letter(one) or c"0" <= one <= c"9" or one == c"_"


cdef inline bint _ends_head(const char* at, const char* end) noexcept nogil:
    """Whether a closing bracket stands there that ends a head."""
    return at < end and at[0] == c"]" and (at + 1 == end or at[1] == c" ")


cdef inline const char* _behind(const char* at, const char* end) noexcept nogil:
    """Where the message begins behind such a bracket."""
    return at + 2 if at + 1 < end else end


cdef inline Py_ssize_t _word(const char* at, const char* end) noexcept nogil:
    """The length of an upper-case word that may be a level; 0 for none."""
    cdef Py_ssize_t size = 0
    while at + size < end and size <= MOST_WORD and is_upper(at[size]):
        size += 1
    return size if LEAST_WORD <= size <= MOST_WORD else 0


cdef inline int take_celery(Walk* walk) noexcept nogil:
    """`[2026-11-20 23:59:07,310: INFO/ForkPoolWorker-2] message`."""
    cdef const char* line = walk.line.at
    cdef const char* end = line + walk.line.size
    cdef const char* at = line + 20
    cdef const char* process
    cdef const char* bracket
    cdef Py_ssize_t size
    cdef int64_t rank
    cdef int digits
    if not is_clock(line + 1, end) or line[5] != c"-" or line[11] != c" " or end - at < 10:
        return DOUBT
    digits = digits_at(at + 1, end, MOST_FRACTION)
    if (at[0] != c"," and at[0] != c".") or not 1 <= digits <= MOST_FRACTION:
        return DOUBT
    at += 1 + digits
    if end - at < 2 or at[0] != c":" or at[1] != c" ":
        return DOUBT
    size = _word(at + 2, end)
    process = at + 3 + size
    if size == 0 or process >= end or process[-1] != c"/":
        return DOUBT
    bracket = <const char*>memchr(process, c"]", end - process)
    if bracket == NULL or not 1 <= bracket - process <= LONGEST_TOLD:
        return DOUBT
    if not _ends_head(bracket, end) or seek_high(process, bracket) != bracket:
        return DOUBT
    rank = rank_at(walk, at + 2, size)
    walk.front.time = line + 1
    walk.front.time_size = at - line - 1
    tell(walk, b"process", 7, process, bracket - process)
    return take_told(walk, FORM_CELERY, rank, _behind(bracket, end), end)


cdef inline int take_alembic(Walk* walk) noexcept nogil:
    """`INFO  [alembic.runtime.migration] message`."""
    cdef const char* line = walk.line.at
    cdef const char* end = line + walk.line.size
    cdef const char* name
    cdef const char* at
    cdef Py_ssize_t size = _word(line, end)
    cdef bint dotted = False
    if not 4 <= size <= 5 or end - line < size + 4 or line[size] != c" ":
        return DOUBT
    at = line + size + 1
    at += at[0] == c" "
    name = at + 1
    if at[0] != c"[" or name == end or not (is_letter(name[0]) or name[0] == c"_"):
        return DOUBT
    at = name
    while at < end and (_is_word_byte(at[0]) or at[0] == c"."):
        dotted = dotted or at[0] == c"."
        at += 1
    if at - name > LONGEST_TOLD // 2 or not _ends_head(at, end):
        return DOUBT
    if name[-2] == c" " and name[-3] != c" ":
        # One space alone is not telling: the name must be.
        if not dotted or <const char*>memchr(name, c".", at - name) == at - 1:
            return DOUBT
    walk.front.time = NULL
    tell(walk, b"logger", 6, name, at - name)
    return take_told(walk, FORM_ALEMBIC, rank_at(walk, line, size), _behind(at, end), end)


cdef inline int take_python(Walk* walk) noexcept nogil:
    """`INFO celery.apps.worker [-] message` behind a time, or `INFO app.jobs: message`."""
    cdef const char* word = walk.front.at
    cdef const char* end = walk.line.at + walk.line.size
    cdef const char* at
    cdef const char* name
    cdef const char* request
    cdef Py_ssize_t size = _word(word, end)
    cdef int spaces = 0
    if size == 0:
        return DOUBT
    at = word + size
    while at < end and at[0] == c" ":
        spaces += 1
        at += 1
    name = at
    if not 1 <= spaces <= MOST_SPACES or at == end or not (is_letter(at[0]) or at[0] == c"_"):
        return DOUBT
    while at < end and (_is_word_byte(at[0]) or at[0] == c"." or at[0] == c"-"):
        at += 1
    if at - name > LONGEST_TOLD or end - at < 4 or at[0] != c" " or at[1] != c"[":
        return DOUBT
    request = at + 2
    size = at - name
    at = request
    while at < end and 0x20 < <unsigned char>at[0] < 0x7F and at[0] != c"]":
        at += 1
    if at - request > LONGEST_TOLD or not _ends_head(at, end):
        return DOUBT
    tell(walk, b"logger", 6, name, size)
    tell(walk, b"request_id", 10, request, at - request)
    return take_told(
        walk, FORM_PYTHON, rank_at(walk, word, _word(word, end)), _behind(at, end), end
    )


cdef inline int take_dashed(Walk* walk) noexcept nogil:
    """`2026-11-20 23:58:45,970 - app.jobs - INFO - message`."""
    cdef const char* line = walk.line.at
    cdef const char* end = line + walk.line.size
    cdef const char* at
    cdef const char* name
    cdef Py_ssize_t size = head_time(line, end), word
    if size == 0 or end - line < size + 4 or memcmp(line + size, b" - ", 3) != 0:
        return DOUBT
    walk.front.time = line
    walk.front.time_size = size
    name = line + size + 3
    at = name
    while at < end and 0x20 < <unsigned char>at[0] < 0x7F:
        at += 1
    size = at - name
    if not 1 <= size <= LONGEST_TOLD or end - at < 3 or memcmp(at, b" - ", 3) != 0:
        return DOUBT
    at += 3
    word = _word(at, end)
    if word == 0 or end - at - word < 3 or memcmp(at + word, b" - ", 3) != 0:
        return DOUBT
    tell(walk, b"logger", 6, name, size)
    return take_told(walk, FORM_PYTHON, rank_at(walk, at, word), at + word + 3, end)


cdef inline int take_prefixed(Walk* walk) noexcept nogil:
    """`info: message`; frames below make an exception of an error."""
    cdef const char* line = walk.line.at
    cdef const char* end = line + walk.line.size
    cdef const char* at = line + 1
    cdef bint upper = is_upper(line[0]) and at < end and is_upper(at[0])
    cdef int64_t rank
    cdef int found
    while at < end and at - line <= MOST_WORD and is_letter(at[0]) and is_upper(at[0]) == upper:
        at += 1
    if not LEAST_WORD <= at - line <= MOST_WORD or end - at < 3 or at[0] != c":" or at[1] != c" ":
        return DOUBT
    rank = rank_at(walk, line, at - line)
    at += 1
    while at < end and at[0] == c" ":
        at += 1
    if upper and at - line >= min(PADDED, walk.line.size):
        return DOUBT  # uvicorn's, whether or not that could be taken
    if not _is_plain(at, end) or not names_nothing(at, end):
        return DOUBT
    if rank == ERROR_RANK and is_looked_at(walk, at, end - at):
        return DOUBT
    walk.front.time = NULL
    found = take_told(walk, FORM_PREFIXED, rank, at, end)
    walk.candidate = found == TAKEN and rank == ERROR_RANK
    return found


cdef inline bint _is_plain(const char* at, const char* end) noexcept nogil:
    """Whether all bytes are ASCII's printable ones."""
    cdef bint odd = False
    while at < end:
        odd = odd or not 0x20 <= <unsigned char>at[0] <= 0x7E
        at += 1
    return not odd
