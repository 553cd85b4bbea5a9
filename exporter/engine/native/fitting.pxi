"""Fitting: what rules say of messages and exceptions, given to C."""


cdef int want(Walk* walk, object plan, dict slots, dict places) except -1:
    """Give each field that a line is read by, or that a rule looks at, a slot; how many there are.

    `slots` are those that a scan can fill, `places` are all.
    """
    names = [*LEVEL_KEYS, *MESSAGE_KEYS, *TIME_KEYS, *EXCEPTION_KEYS, "log"]
    names += [f"{key}.{name}" for name in ("type", "message") for key in EXCEPTION_KEYS]
    asked = set().union(*(one.fields() for one in plan.rules))
    walk.wanted = wanted_new()
    if walk.wanted == NULL:
        raise MemoryError
    for name in (*names, *sorted(asked.difference(names))):
        raw = name.encode("utf-8", "surrogatepass")
        found = wanted_add(walk.wanted, raw, len(raw), len(slots))
        if found != YES and found != NO:
            raise MemoryError
        if found == YES:
            slots[name] = len(slots)
    if slots[names[-1]] != OWN_SLOTS - 1:
        raise AssertionError("a key that every line is read by has no slot")
    places.update(slots)
    for name in asked.difference(slots):  # pairs may have them
        places[name] = len(places)
    return len(places)


cdef int fit(Walk* walk, object plan, list texts, dict gaps, int count) except -1:
    """Give C the messages that rules ask for; how many slots there are with those of gaps."""
    templates = [template for template, _ in plan.templates]
    parts = [text for each in templates for text in (each.prefix, *(g.until for g in each.gaps))]
    literals = [*plan.literal, "", PYTHON_HEAD]
    if len(templates) > MOST_PATTERNS or len(literals) >= MOST_LITERALS:
        return count
    for text in (*parts, *literals):
        if "\ufffd" in text or len(text.encode("utf-8", "surrogatepass")) > LONGEST_LITERAL:
            return count
    walk.fitted = True
    for place, text in enumerate(literals):
        _fix(&walk.literals, text.encode("utf-8", "surrogatepass"), place)
    walk.patterns.all = <Pattern*>calloc(max(1, len(templates)), sizeof(Pattern))
    if walk.patterns.all == NULL:
        raise MemoryError
    for template in templates:
        count = _pattern(&walk.patterns, template, texts, gaps, count)
    walk.patterns.always = _numbers(plan.finder.always)
    walk.patterns.always_count = len(plan.finder.always)
    _clues(&walk.patterns.begins, plan.finder.begins, texts)
    _clues(&walk.patterns.holds, plan.finder.holds, texts)
    return count


cdef int _clues(Clues* clues, object places, list texts) except -1:
    """Give C the texts that tell which patterns a message may fit."""
    cdef Clue* one
    cdef int i
    by_text = {text.encode("utf-8", "surrogatepass"): each for text, each in places.items()}
    beginnings = Beginnings(by_text)
    texts.append(beginnings.texts)
    clues.all = <Clue*>calloc(max(1, len(by_text)), sizeof(Clue))
    clues.starts = <unsigned char*>calloc(STARTS, 1)
    if clues.all == NULL or clues.starts == NULL:
        raise MemoryError
    for raw, within in zip(beginnings.texts, beginnings.within, strict=True):
        one = &clues.all[clues.count]
        clues.count += 1
        one.at, one.size, one.within = <const char*>raw, len(raw), within
        one.patterns = _numbers(by_text[raw])
        one.count = len(by_text[raw])
        if one.size > 1:
            start(clues, one.at, <unsigned char>one.at[1])
        else:
            for i in range(256):
                start(clues, one.at, i)
    return 0


cdef void unfit(Walk* walk) noexcept:
    """Give back what was given to C."""
    cdef int i
    for i in range(walk.patterns.count):
        free(walk.patterns.all[i].gaps)
    free(walk.patterns.all)
    free(walk.patterns.always)
    _unclue(&walk.patterns.begins)
    _unclue(&walk.patterns.holds)


cdef void _unclue(Clues* clues) noexcept:
    cdef int i
    for i in range(clues.count):
        free(clues.all[i].patterns)
    free(clues.all)
    free(clues.starts)


cdef int* _numbers(object numbers) except NULL:
    cdef int* found = <int*>calloc(max(1, len(numbers)), sizeof(int))
    cdef int i = 0
    if found == NULL:
        raise MemoryError
    for number in numbers:
        found[i] = number
        i += 1
    return found


cdef int look(Walk* walk, object plan, list texts) except -1:
    """Give C the texts that an exception line must hold for a rule to fit it."""
    cdef int i
    needles = exception_needles(plan)
    walk.needles = <Needle*>calloc(len(needles) + 1, sizeof(Needle))
    if walk.needles == NULL:
        raise MemoryError
    walk.needle_count = len(needles)
    for i in range(walk.needle_count):
        raw = _text(texts, needles[i])
        walk.needles[i].at, walk.needles[i].size = <const char*>raw, len(raw)
    return 0


cdef bytes _text(list texts, str text):
    """The bytes of a text, which stay where they are."""
    raw = text.encode("utf-8", "surrogatepass")
    texts.append(raw)
    return raw


cdef int _pattern(
    Patterns* patterns, object template, list texts, dict gaps, int count
) except -1:
    """Add a template; its gaps have the next slots."""
    cdef Pattern* one = &patterns.all[patterns.count]
    raw = _text(texts, template.prefix)
    one.prefix, one.size = <const char*>raw, len(raw)
    one.gaps = <Gap*>calloc(len(template.gaps), sizeof(Gap))
    if one.gaps == NULL:
        raise MemoryError
    patterns.count += 1
    slots = gaps[template] = {}
    for gap in template.gaps:
        raw = _text(texts, gap.until)
        one.gaps[one.count].until = <const char*>raw
        one.gaps[one.count].size = len(raw)
        one.gaps[one.count].numeric = gap.numeric
        one.gaps[one.count].slot = count
        one.count += 1
        if gap.name:
            slots[gap.name] = count
        count += 1
    return count
