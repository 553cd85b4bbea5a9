"""Programs: the moves of rules as lists of operations in C, and how lines choose among them."""


@cython.final
cdef class Moved:
    """What one rule moves. `slots` gives its fields their slots."""

    cdef Moves moves
    cdef bint per_stream  # has cells that belong to one stream

    def __cinit__(
        self, one: object, slots: dict, questions: list, mover: object, seed: int
    ) -> None:
        cdef Op* op
        counted = len(one.effects) + len(one.rule.where)
        self.moves.ops = <Op*>calloc(max(1, counted), sizeof(Op))
        if self.moves.ops == NULL:
            raise MemoryError
        for where in one.rule.where:
            if where.field != "service":
                op = self._op(TEST, Condition(where), slots, questions)
                table_begin(&op.cells, CACHED, seed)
                op.cells.most = CACHED * USUAL_SPELLING
        for effect in one.effects:
            self._effect(effect, slots, questions, mover, seed)

    def __dealloc__(self) -> None:
        cdef int i
        if self.moves.ops != NULL:
            for i in range(self.moves.count):
                table_clear(&self.moves.ops[i].cells)
                table_clear(&self.moves.ops[i].late)
                free(self.moves.ops[i].which)
                free(self.moves.ops[i].bound)
        free(self.moves.ops)

    cdef void forget(self) noexcept:
        """Forget the cells that belong to one stream."""
        cdef int i
        for i in range(self.moves.count):
            if self.moves.ops[i].per_stream:
                table_clear(&self.moves.ops[i].cells)
                table_clear(&self.moves.ops[i].late)

    cdef int _effect(
        self, object effect, dict slots, list questions, object mover, object seed
    ) except -1:
        cdef int i
        cdef Op* op
        self.moves.timed = self.moves.timed or effect.timed
        if effect.action == "drain":
            self._op(RARE, Rare(effect, mover), slots, questions)
            self.moves.rare = True
            return 0
        op = self._op(_action(effect), Labels(effect, mover), slots, questions)
        table_begin(&op.cells, SPARE * effect.family.limit, seed)
        table_begin(&op.late, SPARE * effect.family.limit, seed)
        op.cells.most = op.late.most = op.cells.bound * USUAL_SPELLING
        op.scale = effect.scale
        if effect.value is not None:
            op.value = slots[effect.value]
        if effect.exemplar is not None:
            op.exemplar = slots[effect.exemplar]
            self.moves.exemplars += 1
        if effect.setting is not None:
            op.per_stream = effect.setting.per_stream
            self.per_stream = self.per_stream or op.per_stream
            op.aggregate = _AGGREGATES[effect.setting.aggregate]
        if op.action == OBSERVE:
            bounds = effect.family.buckets
            op.bound = <double*>calloc(max(1, len(bounds)), sizeof(double))
            if op.bound == NULL:
                raise MemoryError
            op.bounds = len(bounds)
            for i in range(op.bounds):
                op.bound[i] = bounds[i]
        return 0

    cdef Op* _op(self, int action, object question, dict slots, list questions) except NULL:
        cdef Op* op = &self.moves.ops[self.moves.count]
        cdef int i
        op.which = <int*>calloc(max(1, len(question.fields)), sizeof(int))
        if op.which == NULL:
            raise MemoryError
        self.moves.count += 1
        op.action = action
        op.labels = len(question.fields)
        for i in range(op.labels):
            op.which[i] = slots[question.fields[i]]
        op.value = op.exemplar = -1
        op.scale = 1.0
        op.asked = len(questions)
        questions.append(question)
        return op


_AGGREGATES = {"last": LAST, "min": LOWEST, "max": HIGHEST, "sum": SUM}
_ACTIONS = {"observe": OBSERVE, "set": SET, "read": READ, "stamp": STAMP}


def _action(effect: object) -> int:
    if effect.action == "count":
        return COUNT if effect.value is None else ADD
    return _ACTIONS[effect.action]


@cython.final
cdef class Ruled:
    """Some rules, and how a line chooses among them. `moved` has what each of them moves."""

    cdef Group group
    cdef list _moved

    def __cinit__(
        self, choice: object, moved: list, slots: dict, questions: list, seed: int
    ) -> None:
        cdef Moved one
        self._moved = moved
        self.group.moves = <Moves**>calloc(max(1, len(moved)), sizeof(Moves*))
        self.group.switches = <Switch*>calloc(max(1, len(choice.switches)), sizeof(Switch))
        if self.group.moves == NULL or self.group.switches == NULL:
            raise MemoryError
        for one in moved:
            self.group.moves[self.group.count] = &one.moves
            self.group.count += 1
        _set_places(&self.group.always, choice.always)
        for switch in choice.switches.values():
            self.group.switch_count += 1
            self._switch(Choosing(switch, LONGEST_LITERAL), slots, questions, seed)

    def __dealloc__(self) -> None:
        cdef Switch* one
        cdef int i, j
        for i in range(self.group.switch_count):
            one = &self.group.switches[i]
            table_clear(&one.literals)
            table_clear(&one.known)
            for j in range(one.count):
                free(one.each[j].all)
            free(one.each)
        free(self.group.switches)
        free(self.group.always.all)
        free(self.group.moves)

    cdef int _switch(self, object question, dict slots, list questions, object seed) except -1:
        cdef Switch* one = &self.group.switches[self.group.switch_count - 1]
        one.slot = slots[question.field]
        one.asked = len(questions)
        questions.append(question)
        one.each = <Places*>calloc(len(question.kinds), sizeof(Places))
        if one.each == NULL:
            raise MemoryError
        for kind in question.kinds:
            one.count += 1
            _set_places(&one.each[one.count - 1], kind)
        table_begin(&one.known, CACHED, seed)
        one.known.most = CACHED * USUAL_SPELLING
        one.literal = question.literals is not None
        if one.literal:
            table_begin(&one.literals, len(question.literals) + 1, seed)
            for text, kind in question.literals.items():
                _fix(&one.literals, text.encode(), kind)
        return 0


cdef tuple pairs_of(tuple rules):
    """The pairs that rules need of a key-value line; None where one cannot be such."""
    needed = set()
    for some in rules:
        for one in some.all:
            needed |= one.fields() - one.captures()
    names = tuple(sorted(needed - {"service"}))
    return names if all(map(is_key, map(str.encode, names))) else None


@cython.final
cdef class Program:
    """What records move for which some groups of rules may hold. `slots` are those of fields."""

    cdef Chosen chosen  # where no line chooses
    cdef Group** groups  # else; or NULL
    cdef int group_count
    cdef Key* keys  # of a key-value line, in the line's order
    cdef int key_count
    cdef list _ruled
    cdef tuple _names

    def __cinit__(self, ruled: list, names: tuple, slots: dict) -> None:
        cdef Ruled one
        cdef int i
        cdef bint switched = False
        self._ruled = ruled
        self._names = tuple(name.encode() for name in names)
        self.keys = <Key*>calloc(max(1, len(names)), sizeof(Key))
        if self.keys == NULL:
            raise MemoryError
        self.key_count = len(names)
        for i in range(self.key_count):
            self.keys[i].at = <const char*>self._names[i]
            self.keys[i].size = len(self._names[i])
            self.keys[i].slot = slots[names[i]]
        count = 0
        for one in ruled:
            count += one.group.count
            switched = switched or one.group.switch_count > 0
        if switched:
            self.groups = <Group**>calloc(len(ruled), sizeof(Group*))
            if self.groups == NULL:
                raise MemoryError
            for one in ruled:
                self.groups[self.group_count] = &one.group
                self.group_count += 1
            return
        self.chosen.all = <Moves**>calloc(max(1, count), sizeof(Moves*))
        if self.chosen.all == NULL:
            raise MemoryError
        for one in ruled:
            for i in range(one.group.count):
                add(&self.chosen, one.group.moves[i])

    def __dealloc__(self) -> None:
        free(self.chosen.all)
        free(self.groups)
        free(self.keys)


cdef int _set_places(Places* out, object places) except -1:
    out.all = <int*>calloc(max(1, len(places)), sizeof(int))
    if out.all == NULL:
        raise MemoryError
    for place in places:
        out.all[out.count] = place
        out.count += 1
    return 0


cdef int _fix(Table* table, bytes raw, int64_t value) except -1:
    """Have a table say what a text is, for ever."""
    cdef Slot slot
    cdef Spelling found
    slot.at, slot.size, slot.kind, slot.stamp = raw, len(raw), KIND_STRING, 1
    found = spelling(table, &slot, FIRST_TWO, 1, 1)
    table_put(table, &slot, FIRST_TWO, 1, 1, &found, value)
    if table_find(table, &slot, FIRST_TWO, 1, 1, &found) == MISSING:
        raise MemoryError
    return 0
