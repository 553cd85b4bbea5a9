"""Programs: the moves of some rules as a list of operations in C."""


@cython.final
cdef class Program:
    """What records move that some rules hold for. `slots` gives each rule's fields their slots."""

    cdef Moves moves
    cdef Key* keys  # of a key-value line, in the line's order
    cdef int key_count
    cdef bint per_stream  # has cells that belong to one stream
    cdef tuple _names

    def __cinit__(
        self, rules: tuple, slots: tuple, names: tuple, questions: list, mover: object, seed: int
    ) -> None:
        cdef int i
        counted = sum(len(one.effects) + len(one.rule.where) for one in rules)
        self.moves.ops = <Op*>calloc(max(1, counted), sizeof(Op))
        self.keys = <Key*>calloc(max(1, len(names)), sizeof(Key))
        if self.moves.ops == NULL or self.keys == NULL:
            raise MemoryError
        self._names = tuple(name.encode() for name in names)
        self.key_count = len(names)
        for i in range(self.key_count):
            self.keys[i].at = <const char*>self._names[i]
            self.keys[i].size = len(self._names[i])
            self.keys[i].slot = slots[0][names[i]]
        for one, own in zip(rules, slots, strict=True):
            self._rule(one, own, questions, mover, seed)

    def __dealloc__(self) -> None:
        cdef int i
        if self.moves.ops != NULL:
            for i in range(self.moves.count):
                table_clear(&self.moves.ops[i].cells)
                table_clear(&self.moves.ops[i].late)
                free(self.moves.ops[i].which)
                free(self.moves.ops[i].bound)
        free(self.moves.ops)
        free(self.keys)

    cdef void forget(self) noexcept:
        """Forget the cells that belong to one stream."""
        cdef int i
        for i in range(self.moves.count):
            if self.moves.ops[i].per_stream:
                table_clear(&self.moves.ops[i].cells)
                table_clear(&self.moves.ops[i].late)

    cdef int _rule(
        self, object one, dict slots, list questions, object mover, object seed
    ) except -1:
        cdef int first = self.moves.count, i
        cdef Op* op
        for where in one.rule.where:
            if where.field != "service":
                op = self._op(TEST, Condition(where), slots, questions)
                table_begin(&op.cells, CACHED, seed)
        for effect in one.effects:
            self._effect(effect, slots, questions, mover, seed)
        for i in range(first, self.moves.count):
            self.moves.ops[i].jump = self.moves.count
        return 0

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
