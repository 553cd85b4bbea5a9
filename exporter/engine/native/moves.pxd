"""Moves: the cells of one line resolved first, then moved; all of them or none."""

from libc.math cimport isnan, INFINITY
from libc.stdint cimport int64_t, uint64_t

from exporter.engine.native.numbers cimport json_number, number
from exporter.engine.native.slots cimport ASK, KIND_RAW, NO, YES, Slot
from exporter.engine.native.table cimport MISSING, Spelling, Table, spelling, table_find

cdef enum Action:
    TEST
    COUNT
    ADD
    OBSERVE
    SET
    READ
    STAMP
    RARE

cdef enum Aggregate:
    LAST
    LOWEST
    HIGHEST
    SUM

# What a line waits for, while it is not taken.
cdef enum:
    TAKEN
    ASK_CELL
    ASK_AMOUNT

cdef enum:
    NOTHING = -1


cdef struct Op:
    int action
    int labels  # how many
    int* which  # the slots of the labels, or of the one field that is tested
    int value  # the slot of the value, or -1
    int exemplar  # likewise
    double scale
    int aggregate
    int bounds
    double* bound
    int asked  # its place among the questions
    bint per_stream
    Table cells
    Table late  # whether something would have been set, had the record come in time
    # of the present line
    int64_t cell
    double amount
    bint handed  # its exemplar is handed over at once


# What one rule moves, behind its tests.
cdef struct Moves:
    Op* ops
    int count
    bint timed
    bint rare
    int exemplars


# The rules that a line is asked for, in their order.
cdef struct Chosen:
    Moves** all
    int count
    bint timed
    bint rare
    int exemplars


cdef struct Present:
    bint replaying
    double now
    double fresh
    double soon
    double late_seconds
    # Between them no window has to be turned. `passed` is when one would have been looked for last,
    # 0 where Python knows.
    double quiet_from
    double quiet_until
    double passed


# One line on its way: its slots, its time, and what is known of the move that is next.
cdef struct Line:
    const char* at
    Py_ssize_t size
    Slot* slots
    uint64_t stamp
    const Chosen* chosen
    int64_t record  # the cell of its level's records
    bint dated
    double time
    bint late
    int turn  # which of the chosen is next
    int op  # of its moves
    int amount  # YES, NO: `Op.amount` is told; ASK: not yet
    bint told  # `Op.cell` is told


cdef inline double moment_of(Present* present, bint dated, double at) noexcept nogil:
    """As `Moment.of`."""
    if not dated:
        return present.now
    if present.replaying and at > present.now:
        present.now = at
        present.fresh = at - present.late_seconds
        present.soon = at + 1.0
    return at if at < present.now else present.now


cdef inline int amount_of(const Slot* slot, double* out) noexcept nogil:
    """The number that a slot spells: YES, NO or ASK."""
    if slot.kind != KIND_RAW:
        return json_number(slot.kind, slot.at, slot.size, out)
    if slot.size > 1 and slot.at[0] == c'"':
        return number(slot.at + 1, slot.size - 2, out)
    return number(slot.at, slot.size, out)


cdef inline int _amount(Line* line, Op* op) noexcept nogil:
    """Whether the move has an amount that it may move by."""
    cdef const Slot* slot = &line.slots[op.value]
    cdef int found = line.amount
    if found == ASK:
        found = amount_of(slot, &op.amount) if slot.stamp == line.stamp else NO
        if found == ASK:
            return ASK
    if found == YES and op.amount < 0 and op.action != SET:
        return NO
    return found


cdef inline int resolve(Line* line) noexcept nogil:
    """Find all cells from `line.turn` on; TAKEN, or what must be asked for that move."""
    cdef int found
    while line.turn < line.chosen.count:
        found = _resolve_rule(line, line.chosen.all[line.turn])
        if found != TAKEN:
            return found
        line.op = 0
        line.turn += 1
    return TAKEN


cdef inline int _resolve_rule(Line* line, Moves* moves) noexcept nogil:
    cdef Op* op
    cdef Table* table
    cdef Spelling found
    cdef int amount
    while line.op < moves.count:
        op = &moves.ops[line.op]
        if not line.told:
            op.cell = NOTHING
            if op.action == RARE:
                op.cell = 0
                line.op += 1
                continue
            if op.value >= 0:
                amount = _amount(line, op)
                if amount == ASK:
                    return ASK_AMOUNT
                line.amount = amount
                if amount == NO:
                    line.amount = ASK
                    line.op += 1
                    continue
            table = &op.late if line.late and op.action == SET else &op.cells
            found = spelling(table, line.slots, op.which, op.labels, line.stamp)
            op.cell = table_find(table, line.slots, op.which, op.labels, line.stamp, &found)
            if op.cell == MISSING:
                return ASK_CELL
        line.told = False
        line.amount = ASK
        line.op += 1
        if op.action == TEST and op.cell == 0:
            while line.op < moves.count:
                moves.ops[line.op].cell = NOTHING
                line.op += 1
    return TAKEN


cdef inline double gathered(int aggregate, double before, double value) noexcept nogil:
    """As `moves.gathered`."""
    if aggregate == LAST or isnan(before) or before == INFINITY or before == -INFINITY:
        return value
    if aggregate == SUM:
        return before + value
    if aggregate == LOWEST:
        return value if value < before else before
    return value if value > before else before


cdef inline int64_t bucket(const Op* op, double value) noexcept nogil:
    """Which bucket a value falls into: as many bounds as lie below it."""
    cdef int i = 0
    while i < op.bounds and op.bound[i] < value:
        i += 1
    return i
