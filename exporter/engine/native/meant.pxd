"""What a line means that is known by its level and its message, whatever its format."""

from libc.stdint cimport int32_t, int64_t

from exporter.engine.native.moves cimport TAKEN
from exporter.engine.native.patterns cimport fitting
from exporter.engine.native.recall cimport ask, fill, FIRST_TWO, known
from exporter.engine.native.slots cimport ASK, KIND_STRING, Slot
from exporter.engine.native.state cimport (
    ASK_LEVEL,
    ASK_MESSAGE,
    DOUBT,
    LONGEST_HEAD,
    NO_LEVEL,
    RANKS,
    Learned,
    Walk,
)
from exporter.engine.native.table cimport MISSING, Spelling, spelling, table_find
from exporter.engine.native.wanted cimport wanted_slot

cdef enum:
    RANK_KIND = 32  # and on: by form, then by rank


cdef inline void mean(Walk* walk, const Learned* learned, int form) noexcept nogil:
    walk.form = form
    walk.line.chosen = learned.chosen
    walk.meant = learned
    walk.line.record = learned.record


cdef inline int64_t rank_of(Walk* walk, const int* places, int count) noexcept nogil:
    """The rank of the first slot that tells a level; MISSING where `key` must be asked about."""
    cdef Spelling found
    cdef int64_t rank
    cdef int i
    for i in range(count):
        if walk.line.slots[places[i]].stamp == walk.line.stamp:
            walk.key[0] = walk.line.slots[places[i]]
            rank = known(walk, &walk.ranks, 1, &found)
            if rank == MISSING or rank >= 0:
                return rank
    return NO_LEVEL


cdef inline int take_message(Walk* walk, int form, int rank) noexcept nogil:
    """A line by what its message fits; one that has escapes yet by how it is spelled."""
    cdef int kind = RANK_KIND + form * RANKS + rank
    cdef Slot* message = &walk.key[1]
    cdef Spelling found
    cdef int64_t place
    cdef int parts = 2
    fill(&walk.key[0], walk.line.at, 0, kind, walk)
    if message.kind == KIND_STRING and walk.fitted:
        parts = 1
        found = spelling(&walk.literals, message, FIRST_TWO, 1, walk.line.stamp)
        place = table_find(&walk.literals, message, FIRST_TWO, 1, walk.line.stamp, &found)
        walk.fitting.literal = -1 if place == MISSING else place
        if fitting(
            &walk.patterns, message.at, message.size, walk.line.slots, walk.line.stamp,
            &walk.fitting,
        ) == ASK:
            return DOUBT
        fill(
            &walk.key[0],
            <const char*>&walk.fitting,
            sizeof(int64_t) + walk.fitting.count * sizeof(int32_t),
            kind,
            walk,
        )
    elif message.size > LONGEST_HEAD:
        return DOUBT
    place = known(walk, &walk.messages, parts, &found)
    if place == MISSING:
        return ask(walk, ASK_MESSAGE)
    if place < 0:
        return DOUBT
    mean(walk, &walk.learned[place], form)
    return TAKEN


cdef inline int64_t rank_at(Walk* walk, const char* at, Py_ssize_t size) noexcept nogil:
    """The rank of a level; -1 for none, MISSING where it must be asked about."""
    cdef Spelling found
    fill(&walk.key[0], at, size, KIND_STRING, walk)
    return known(walk, &walk.ranks, 1, &found)


cdef inline int take_told(
    Walk* walk, int form, int64_t rank, const char* message, const char* end
) noexcept nogil:
    """A line whose level has a rank, and whose message is the rest of it."""
    if rank == MISSING:
        return ask(walk, ASK_LEVEL)
    if rank < 0:
        return DOUBT
    fill(&walk.key[1], message, end - message, KIND_STRING, walk)
    return take_message(walk, form, <int>rank)


cdef inline void tell(
    Walk* walk, const char* name, Py_ssize_t named, const char* at, Py_ssize_t size
) noexcept nogil:
    """Let a field have a text, where some rule looks at it."""
    cdef int slot = wanted_slot(walk.wanted, name, named)
    if slot >= 0:
        fill(&walk.line.slots[slot], at, size, KIND_STRING, walk)
