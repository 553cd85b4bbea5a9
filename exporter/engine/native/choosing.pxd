"""Choosing: the rules that a line is asked for, by what its fields say; see `engine.choosing`."""

from libc.stdint cimport int64_t, uint64_t

from exporter.engine.native.moves cimport Chosen, Moves
from exporter.engine.native.slots cimport (
    KIND_ARRAY,
    KIND_INTEGER,
    KIND_NULLED,
    KIND_OBJECT,
    KIND_RAW,
    KIND_STRING,
    Slot,
)
from exporter.engine.native.table cimport (
    LONGEST_KEY,
    MISSING,
    PART,
    Spelling,
    Table,
    spelling,
    table_find,
)

cdef enum:
    EXACT_DIGITS = 15  # below 10**15 a label shows a whole number's own digits


# The rules that one text of a field chooses, in their order.
cdef struct Places:
    int* all
    int count


cdef struct Switch:
    int slot
    int asked  # its place among the questions
    bint literal  # it has no prefixes: `literals` tell all of a text
    Table literals  # texts, to places in `each`
    Table known  # spellings, likewise
    Places* each  # the first for texts that choose no rule
    int count
    uint64_t stamp  # of the line that it was asked about last
    int64_t answer  # a place in `each`


cdef struct Group:
    Moves** moves  # of each rule
    int count
    Places always
    Switch* switches
    int switch_count


cdef inline bint as_text(const Slot* slot, Slot* out) noexcept nogil:
    """Whether a value's bytes are its text as well."""
    cdef const char* at = slot.at
    cdef Py_ssize_t size = slot.size, i
    if slot.kind == KIND_RAW and size > 1 and at[0] == c'"':
        at += 1
        size -= 2
        for i in range(size):
            if at[i] == c"\\":
                return False
    elif slot.kind == KIND_INTEGER:
        if size > EXACT_DIGITS or (at[0] == c"-" and at[1] == c"0"):
            return False
    elif slot.kind != KIND_STRING and slot.kind != KIND_RAW:
        return False
    out.at = at
    out.size = size
    out.kind = KIND_STRING
    out.stamp = slot.stamp
    return True


cdef inline int64_t switched(const Switch* one, const Slot* slots, uint64_t stamp) noexcept nogil:
    """What a line's field chooses: a place in `each`, or MISSING where it must be asked."""
    cdef const Slot* slot = &slots[one.slot]
    cdef Slot text
    cdef Spelling found
    cdef int64_t place
    cdef int which = 0
    if slot.stamp != stamp or KIND_NULLED <= slot.kind <= KIND_ARRAY:
        return 0
    if one.literal and as_text(slot, &text):
        found = spelling(&one.literals, &text, &which, 1, stamp)
        place = table_find(&one.literals, &text, &which, 1, stamp, &found)
        return 0 if place == MISSING else place
    if one.stamp == stamp:
        return one.answer
    if slot.size > LONGEST_KEY - PART:
        return MISSING  # it is never remembered, and long to look for
    found = spelling(&one.known, slots, &one.slot, 1, stamp)
    return table_find(&one.known, slots, &one.slot, 1, stamp, &found)


cdef inline Switch* choose(
    const Group* group, const Slot* slots, uint64_t stamp, int* places, Chosen* chosen
) noexcept nogil:
    """Add the rules that a line chooses; the field that must be asked about, if any.

    `places` has room for all of the group's.
    """
    cdef const Places* some
    cdef int64_t place
    cdef int count = 0, i, j
    for i in range(group.always.count):
        places[count] = group.always.all[i]
        count += 1
    for i in range(group.switch_count):
        place = switched(&group.switches[i], slots, stamp)
        if place == MISSING:
            return &group.switches[i]
        some = &group.switches[i].each[place]
        for j in range(some.count):
            insert(places, &count, some.all[j])
    for i in range(count):
        add(chosen, group.moves[places[i]])
    return NULL


cdef inline void insert(int* places, int* count, int place) noexcept nogil:
    """Put a place among others where it stands in their order."""
    cdef int at = count[0]
    while at and places[at - 1] > place:
        places[at] = places[at - 1]
        at -= 1
    places[at] = place
    count[0] += 1


cdef inline void add(Chosen* chosen, Moves* moves) noexcept nogil:
    chosen.all[chosen.count] = moves
    chosen.count += 1
    chosen.timed = chosen.timed or moves.timed
    chosen.rare = chosen.rare or moves.rare
    chosen.exemplars += moves.exemplars
