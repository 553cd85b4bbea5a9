"""Fitting: what rules say of messages and exceptions, given to C."""


cdef int fit(Walk* walk, object plan, list texts, dict gaps, int count) except -1:
    """Give C the messages that rules ask for; how many slots there are with those of gaps."""
    cdef Slot slot
    cdef Spelling found
    cdef int place = 0
    templates = {one.message for one in plan.rules if one.message and one.message.gaps}
    parts = [text for each in templates for text in (each.prefix, *(g.until for g in each.gaps))]
    literals = [*plan.literal, "", PYTHON_HEAD]
    if len(templates) > MOST_PATTERNS or len(literals) >= MOST_LITERALS:
        return count
    for text in (*parts, *literals):
        if "\ufffd" in text or len(text.encode("utf-8", "surrogatepass")) > LONGEST_LITERAL:
            return count
    walk.fitted = True
    for text in literals:
        raw = text.encode("utf-8", "surrogatepass")
        slot.at, slot.size, slot.kind, slot.stamp = raw, len(raw), KIND_STRING, 1
        found = spelling(&walk.literals, &slot, FIRST_TWO, 1, 1)
        table_put(&walk.literals, &slot, FIRST_TWO, 1, 1, &found, place)
        if table_find(&walk.literals, &slot, FIRST_TWO, 1, 1, &found) == MISSING:
            raise MemoryError
        place += 1
    walk.patterns.all = <Pattern*>calloc(max(1, len(templates)), sizeof(Pattern))
    if walk.patterns.all == NULL:
        raise MemoryError
    for template in templates:
        count = _pattern(&walk.patterns, template, texts, gaps, count)
    return count


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
    cdef unsigned long long bit = <unsigned long long>1 << patterns.count
    cdef int i
    raw = _text(texts, template.prefix)
    one.prefix, one.size = <const char*>raw, len(raw)
    one.gaps = <Gap*>calloc(len(template.gaps), sizeof(Gap))
    if one.gaps == NULL:
        raise MemoryError
    patterns.count += 1
    if one.size:
        patterns.first[<unsigned char>one.prefix[0]] |= bit
    else:
        patterns.any |= bit
        for i in range(256):
            patterns.first[i] |= bit
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
