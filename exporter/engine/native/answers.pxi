"""Answers: what the walk has asked, and what Python has answered."""


cdef Op* _asking(Line* line) noexcept:
    """The move that is asked about."""
    return &line.chosen.all[line.turn].ops[line.op]


@cython.final
cdef class Answers:
    """What is known of one service's lines, in C; what is not yet is made out here."""

    cdef Walk walk
    cdef object _counting, _plan, _mover, _seed
    cdef dict _made, _ruled, _moved, _kind_places
    cdef dict _slots, _gaps  # of what a scan gives, and of what templates capture
    cdef dict _places  # of all fields that rules look at
    cdef list _kinds, _texts  # types of exceptions; what patterns point into
    cdef list _programs, _questions
    cdef list _parted  # programs with cells that belong to one stream
    cdef Py_ssize_t _learned, _room, _most_programs
    cdef Py_ssize_t _chosen  # bytes that choices remember, or have

    def __cinit__(self, counting: object) -> None:
        cdef Walk* walk = &self.walk
        self._counting = counting
        self._plan, self._mover = counting.plan, counting.mover
        self._made, self._ruled, self._moved, self._kind_places = {}, {}, {}, {}
        self._slots, self._gaps, self._places = {}, {}, {}
        self._programs, self._questions, self._texts, self._kinds = [], [], [], []
        self._parted = []
        # Rules have one each at least; what templates fit beside each other has no end.
        self._most_programs = SPARE_PROGRAMS + 2 * len(self._plan.rules)
        walk.kinds = <int64_t*>calloc(CACHED + 1, sizeof(int64_t))
        self._seed = int.from_bytes(os.urandom(8), "little")
        table_begin(&walk.heads, CACHED, self._seed)
        table_begin(&walk.once, CACHED, self._seed)
        table_begin(&walk.texts, CACHED, self._seed)
        table_begin(&walk.ranks, CACHED, self._seed)
        table_begin(&walk.messages, CACHED, self._seed)
        table_begin(&walk.exceptions, CACHED, self._seed)
        table_begin(&walk.types, CACHED, self._seed)
        table_begin(&walk.literals, MOST_LITERALS, self._seed)
        table_begin(&walk.places, CACHED, self._seed)
        count = want(walk, self._plan, self._slots, self._places)
        count = fit(walk, self._plan, self._texts, self._gaps, count)
        look(walk, self._plan, self._texts)
        walk.kept = <Kept*>calloc(KEPT, sizeof(Kept))
        walk.line.slots = <Slot*>calloc(count, sizeof(Slot))
        rules = len(self._plan.rules) + 1
        walk.chosen.all = <Moves**>calloc(rules, sizeof(Moves*))
        walk.ranked = <int*>calloc(rules, sizeof(int))
        if walk.kinds == NULL or walk.kept == NULL or walk.line.slots == NULL:
            raise MemoryError
        if walk.chosen.all == NULL or walk.ranked == NULL:
            raise MemoryError
        offset = self._mover.zone.utcoffset(None)
        walk.local = LOCAL_UNKNOWN if offset is None else int(offset.total_seconds())
        walk.present.replaying = self._mover.moment.replaying
        walk.present.late_seconds = LATE_SECONDS
        walk.broken_is_text = broken_is_text(self._plan, self._mover.service)
        self._locate()

    cdef str kind(self, int place):
        """The type of an exception."""
        return self._kinds[place]

    def __dealloc__(self) -> None:
        table_clear(&self.walk.heads)
        table_clear(&self.walk.once)
        table_clear(&self.walk.texts)
        table_clear(&self.walk.ranks)
        table_clear(&self.walk.messages)
        table_clear(&self.walk.exceptions)
        table_clear(&self.walk.types)
        table_clear(&self.walk.literals)
        table_clear(&self.walk.places)
        unfit(&self.walk)
        free(self.walk.chosen.all)
        free(self.walk.ranked)
        if self.walk.wanted != NULL:
            wanted_free(self.walk.wanted)
        free(self.walk.scratch)
        free(self.walk.kept)
        free(self.walk.line.slots)
        free(self.walk.learned)
        free(self.walk.kinds)
        free(self.walk.needles)

    cdef int _locate(self) except -1:
        """Find the cells that most lines move."""
        cdef int i
        for i in range(RANKS):
            self.walk.records[i] = self._counting.record_cell(_RANKS[i])
        self.walk.unknown = self._counting.record_cell(UNKNOWN)
        self.walk.unparsed = self._counting.unparsed_cell()
        return 0

    cdef int forget(self, bint streams_only) except -1:
        """Forget cells that may mean another series now."""
        cdef Moved one
        for one in self._parted:
            one.forget()
        if not streams_only:
            self._unlearn()
            table_clear(&self.walk.exceptions)
            table_clear(&self.walk.types)
            self._kinds.clear()
            self._kind_places.clear()
            self._locate()
        return 0

    cdef int _unlearn(self) except -1:
        """Forget what heads and messages mean, and the programs that nothing leads to then."""
        self.hand_over()  # what is kept names questions
        self._learned = 0
        table_clear(&self.walk.heads)
        table_clear(&self.walk.messages)
        self._made.clear()
        self._ruled.clear()
        self._chosen = 0
        self._moved.clear()
        self._programs.clear()
        self._parted.clear()
        self._questions.clear()
        return 0

    cdef bint answer(self, int asked) except -1:
        """Answer what the walk stopped for; whether it must leave the line all the same."""
        cdef Walk* walk = &self.walk
        cdef Op* op
        if asked == ASK_CELL:
            self._answer_cell(_asking(&walk.line))
        elif asked == ASK_AMOUNT:
            self._answer_amount(_asking(&walk.line))
        elif asked == ASK_CHOICE:
            self._answer_choice()
        elif asked == ASK_TIME:
            return self._answer_time()
        elif asked == ASK_TURN:
            self._mover.registry.windows.turn(self.walk.present.now, self._mover.registry.values)
        elif asked == ASK_RARE:
            self._rare()
            done(walk)
        elif asked == ASK_ROOM:
            self.hand_over()
        else:
            self._learn(asked)
            walk.refused |= 1 << asked  # where it cannot be remembered, Python reads the line
        return False

    cdef int _learn(self, int asked) except -1:
        """Learn what a head, level, message, text or exception means for every line that has it."""
        cdef Walk* walk = &self.walk
        if asked == ASK_HEAD:
            self._put(&walk.heads, 2, self._head())
        elif asked == ASK_MESSAGE:
            parts = 1 if walk.fitted and walk.key[1].kind == KIND_STRING else 2
            self._put(&walk.messages, parts, self._message(parts == 1))
        elif asked == ASK_LEVEL:
            name = level(plain(&walk.key[0]))
            self._put(&walk.ranks, 1, -1 if name is None else _RANKS.index(name))
        elif asked == ASK_TEXT:
            line = walk.line.at[: walk.line.size]
            self._put(&walk.texts, 1, is_plain_text(self._plan, self._mover.service, line))
        elif asked == ASK_EXCEPTION:
            kind = exception_name(walk.key[0].at[: walk.key[0].size].decode())
            cell = -1 if kind is None else self._counting.exception_cell(kind)
            self._put(&walk.exceptions, 1, cell)
        elif asked == ASK_TYPE:
            self._put(&walk.types, 1, self._type())
        return 0

    cdef int _put(self, Table* table, int parts, int64_t value) except -1:
        """Remember what the present key means."""
        cdef unsigned long long stamp = self.walk.line.stamp
        cdef Spelling found = spelling(table, self.walk.key, FIRST_TWO, parts, stamp)
        table_put(table, self.walk.key, FIRST_TWO, parts, stamp, &found, value)
        return 0

    cdef int64_t _head(self) except -2:
        cdef Walk* walk = &self.walk
        line = walk.line.at[: walk.line.size]
        span = slice(walk.front.at - walk.line.at, walk.front.end - walk.line.at)
        dated = walk.front.time != NULL
        meaning = of_head(self._plan, self._mover.service, line, span, dated=dated)
        if meaning is None:
            return -1
        return self._note(meaning.rules, meaning.names, meaning.level, meaning.back)

    cdef int64_t _message(self, bint captured) except -2:
        cdef Walk* walk = &self.walk
        form, rank = divmod(walk.key[0].kind - RANK_KIND, RANKS)
        name = _RANKS[rank]
        known = None if name == UNKNOWN else name
        message = plain(&walk.key[1])
        service, serves = self._mover.service, self._slots.__contains__
        rules = of_message(
            self._plan, service, known, message, serves, captured=captured, form=_FORMS[form]
        )
        if rules is None:
            return -1
        names = pairs_of(rules) if form == FORM_HEADED else ()
        return -1 if names is None else self._note(rules, names, name, 0)

    cdef int64_t _note(self, tuple rules, tuple names, str name, int back) except -2:
        """A place in what was learned, for lines of this level and these rules."""
        cdef Program program
        cdef Learned* learned
        if self._learned >= 2 * CACHED or len(self._programs) >= self._most_programs:
            self._unlearn()
        made = (rules, bool(names))  # rules that need no field need no slots either
        if made not in self._made:
            ruled = [self._ruled_by(some) for some in rules]
            program = Program(ruled, names, self._places)
            self._made[made] = program
            self._programs.append(program)
        program = self._made[made]
        if self._learned >= self._room:
            learned = <Learned*>realloc(
                self.walk.learned, (2 * self._room + 64) * sizeof(Learned)
            )
            if learned == NULL:
                raise MemoryError
            self.walk.learned = learned
            self._room = 2 * self._room + 64
        learned = &self.walk.learned[self._learned]
        learned.chosen = &program.chosen
        learned.groups = program.groups
        learned.group_count = program.group_count
        learned.keys = program.keys
        learned.key_count = program.key_count
        learned.back = back
        learned.record = self._counting.record_cell(name)
        self._learned += 1
        return self._learned - 1

    cdef object _ruled_by(self, object rules):
        """A group of rules in C."""
        cdef Moved one
        if rules in self._ruled:
            return self._ruled[rules]
        moved = []
        for rule in rules.all:
            if rule not in self._moved:
                slots = {**self._places, **self._gaps.get(rule.message, {})}
                one = Moved(rule, slots, self._questions, self._mover, self._seed)
                self._moved[rule] = one
                if one.per_stream:
                    self._parted.append(one)
            moved.append(self._moved[rule])
        found = Ruled(rules.choice, moved, self._places, self._questions, self._seed)
        self._ruled[rules] = found
        return found

    cdef int _answer_choice(self) except -1:
        """What a field chooses whose spelling C does not know."""
        cdef Walk* walk = &self.walk
        cdef Switch* one = walk.undecided
        cdef Slot* slot = &walk.line.slots[one.slot]
        cdef Spelling found = spelling(&one.known, slot, FIRST_TWO, 1, walk.line.stamp)
        one.answer = self._questions[one.asked].answer(plain(slot))
        one.stamp = walk.line.stamp  # it may be too long to be remembered
        table_put(&one.known, slot, FIRST_TWO, 1, walk.line.stamp, &found, one.answer)
        self._chosen += A_ROW + found.size
        if self._chosen >= MOST_CHOSEN:
            self._forget_choices()
        return 0

    cdef int _forget_choices(self) except -1:
        """Forget which rules fields choose, of all sets of rules together."""
        cdef Ruled one
        cdef int i
        for one in self._ruled.values():
            for i in range(one.group.switch_count):
                table_clear(&one.group.switches[i].known)
        self._chosen = 0
        return 0

    cdef int _answer_cell(self, Op* op) except -1:
        """The cell of a spelling that C does not know."""
        cdef Walk* walk = &self.walk
        cdef bint late = walk.line.late and op.action == SET
        cdef Table* table = &op.late if late else &op.cells
        cdef Spelling found
        question, parts = self._questions[op.asked], self._parts(op)
        if late:
            op.cell = question.late(parts)
            if op.cell:
                walk.late = self._mover.index(LATE, (self._mover.service,))
        else:
            op.cell = question.answer(parts)
        found = spelling(table, walk.line.slots, op.which, op.labels, walk.line.stamp)
        table_put(table, walk.line.slots, op.which, op.labels, walk.line.stamp, &found, op.cell)
        walk.line.told = True
        return 0

    cdef int64_t _type(self) except -3:
        """A place in what is known of types."""
        cdef Slot* key = &self.walk.key[0]
        name = key.at[: key.size].decode("utf-8", "replace")
        kind = exception_name(name) if key.kind == OF_TEXT else type_name(name)
        if kind is None:
            return NO_TYPE
        place = self._kind_places.get(kind, len(self._kinds))  # a full table is emptied
        if place >= CACHED:
            return NEVER_TYPE
        if place == len(self._kinds):
            self.walk.kinds[place] = self._counting.exception_cell(kind)
            self._kinds.append(kind)
            self._kind_places[kind] = place
        return place

    cdef tuple _parts(self, Op* op):
        """The values that an operation looks at."""
        cdef int i
        cdef Slot* slot
        found = []
        for i in range(op.labels):
            slot = &self.walk.line.slots[op.which[i]]
            found.append(plain(slot) if slot.stamp == self.walk.line.stamp else None)
        return tuple(found)

    cdef int _answer_amount(self, Op* op) except -1:
        """A number that C does not read."""
        cdef Slot* slot = &self.walk.line.slots[op.value]
        raw = slot.at[: slot.size]
        amount = raw_number(raw) if slot.kind == KIND_RAW else number(plain(slot))
        op.amount = 0.0 if amount is None else amount
        self.walk.line.amount = NO if amount is None else YES
        return 0

    cdef bint _answer_time(self) except -1:
        """A time that C does not read; whether another key may tell it."""
        cdef Walk* walk = &self.walk
        at = None
        if walk.subject != NOWHERE and (walk.form == FORM_JSON or walk.form == FORM_LOGFMT):
            raw = plain(&walk.line.slots[walk.subject])
            if raw is None:
                walk.stage, walk.opened = FRESH, walk.wrapped
                return True
            at = seconds(raw, self._mover.zone)
        elif walk.subject != NOWHERE:
            raw = walk.front.time[: walk.front.time_size].decode()
            at = seconds(raw, self._mover.zone)
        if at is None and walk.wrapped:
            raw = walk.entry.time[: walk.entry.time_size].decode("utf-8", "replace")
            at = seconds(raw, self._mover.zone)
        elif at is None:
            at = self._mover.since
        walk.line.dated = at is not None
        walk.line.time = at if at is not None else 0.0
        return False

    cdef int _rare(self) except -1:
        """What a line does beside moving cells in C."""
        cdef Walk* walk = &self.walk
        cdef Op* op
        cdef const Moves* moves
        cdef double value, when
        cdef int64_t cell
        cdef int turn, i
        for turn in range(walk.line.chosen.count):
            moves = walk.line.chosen.all[turn]
            for i in range(moves.count):
                op = &moves.ops[i]
                if op.cell < 0:
                    continue
                if op.action == RARE:
                    at = walk.line.time if walk.line.dated else None
                    self._questions[op.asked].move(self._parts(op), at)
                elif op.action == OBSERVE and op.handed:
                    value = op.amount * op.scale
                    when = walk.line.time
                    if not walk.line.dated or when > walk.present.now:
                        when = moment_of(&walk.present, walk.line.dated, when)
                    shown = plain(&walk.line.slots[op.exemplar])
                    cell = op.cell + bucket(op, value)
                    if self._questions[op.asked].keep(cell, shown, value, when):
                        outdate(walk.kept, &walk.places, cell)
        return 0

    cdef int hand_over(self) except -1:
        """Show the exemplars that were kept."""
        cdef Kept* one
        cdef Slot slot
        cdef int i
        if not self.walk.kept_count:
            return 0
        try:
            for i in range(self.walk.kept_count):
                one = &self.walk.kept[i]
                if one.size >= 0:
                    slot.at, slot.size, slot.kind = one.text, one.size, one.kind
                    self._questions[one.asked].keep(one.cell, plain(&slot), one.amount, one.when)
        finally:
            self.walk.kept_count = 0
            table_clear(&self.walk.places)
        return 0
