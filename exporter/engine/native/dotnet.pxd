"""Records of .NET's console: a head of its own line, and the message indented on the next."""

from libc.stdint cimport int64_t
from libc.string cimport memcmp, memcpy

from exporter.engine.native.heads cimport behind_blanks, is_shown
from exporter.engine.native.meant cimport take_message, tell
from exporter.engine.native.moves cimport TAKEN
from exporter.engine.native.recall cimport ask, fill, known
from exporter.engine.native.slots cimport KIND_STRING
from exporter.engine.native.state cimport (
    ASK_LEVEL,
    AWAITING,
    DOUBT,
    FORM_DOTNET,
    LONGEST_CATEGORY,
    LONGEST_EVENT,
    PAIRED,
    PASSED,
    SPOKEN,
    Track,
    Walk,
)
from exporter.engine.native.table cimport MISSING, Spelling

cdef enum:
    DOTNET_COLON = 4  # where it stands
    CATEGORY = 6  # where it begins


cdef inline bint _is_level(const char* at) noexcept nogil:
    return (
        memcmp(at, b"info", 4) == 0
        or memcmp(at, b"warn", 4) == 0
        or memcmp(at, b"fail", 4) == 0
        or memcmp(at, b"dbug", 4) == 0
        or memcmp(at, b"crit", 4) == 0
        or memcmp(at, b"trce", 4) == 0
    )


cdef inline int take_dotnet(Walk* walk) noexcept nogil:
    """A head, which counts at once; its message follows."""
    cdef const char* line = walk.line.at
    cdef const char* end = line + walk.line.size
    cdef const char* at = line + CATEGORY
    cdef const char* event
    cdef Track* own = walk.own
    cdef Spelling found
    cdef int64_t rank
    if walk.line.size < CATEGORY + 4 or line[5] != c" " or end[-1] != c"]" or not _is_level(line):
        return DOUBT
    while at < end and at[0] != c"[" and at[0] != c"]" and is_shown(at[0]):
        at += 1
    event = at + 1
    if at == end or at[0] != c"[" or not 1 <= at - line - CATEGORY <= LONGEST_CATEGORY:
        return DOUBT
    at = event
    if at[0] == c"-":
        at += 1
    if not 1 <= end - 1 - at <= LONGEST_EVENT - 1:
        return DOUBT
    while c"0" <= at[0] <= c"9":
        at += 1
    if at != end - 1:
        return DOUBT
    fill(&walk.key[0], line, DOTNET_COLON, KIND_STRING, walk)
    rank = known(walk, &walk.ranks, 1, &found)
    if rank == MISSING:
        return ask(walk, ASK_LEVEL)
    walk.values[walk.records[rank]] += 1.0
    own.head = walk.at
    own.head_size = walk.next - 1 - walk.at
    own.kind = -1
    own.candidate = False
    own.awaited = True
    own.message = NULL
    own.rank = <int>rank
    own.category_size = event - 1 - line - CATEGORY
    own.event_size = end - 1 - event
    memcpy(own.category, line + CATEGORY, own.category_size)
    memcpy(own.event, event, own.event_size)
    own.time = walk.entry.time
    own.time_size = walk.entry.time_size
    own.flags = AWAITING | PAIRED | SPOKEN
    return PASSED


cdef inline int take_awaited(Walk* walk) noexcept nogil:
    """The message of the newest head, which rules are asked for now."""
    cdef const char* end = walk.line.at + walk.line.size
    cdef const char* at = behind_blanks(walk.line.at, end)
    cdef Track* own = walk.own
    cdef int found
    while end > at and (end[-1] == c" " or end[-1] == c"\t"):
        end -= 1
    if at == end:
        return PASSED
    if not is_shown(at[0]) or not is_shown(end[-1]):
        return DOUBT  # there are other spaces
    fill(&walk.key[1], at, end - at, KIND_STRING, walk)
    found = take_message(walk, FORM_DOTNET, own.rank)
    if found == TAKEN:
        tell(walk, b"category", 8, own.category, own.category_size)
        tell(walk, b"event_id", 8, own.event, own.event_size)
        walk.line.record = -1  # it was counted with the head
        walk.front.time = NULL
        walk.entry.time = own.time  # the record's time is its head's
        walk.entry.time_size = own.time_size
    return found
