"""Plain: what was spelled, as the exact reading has it."""


cdef object plain(const Slot* slot):
    """A value as the exact reading has it."""
    raw = slot.at[: slot.size]
    if slot.kind == KIND_RAW:
        return spelled(raw)
    text = raw.decode("utf-8", "replace")
    if slot.kind == KIND_STRING:
        return text
    if slot.kind == KIND_GO:
        return unescaped(text)
    if slot.kind == KIND_ESCAPED:
        return scalar(f'"{text}"')
    if slot.kind == KIND_TRUE or slot.kind == KIND_FALSE:
        return slot.kind == KIND_TRUE
    return scalar(text) if slot.kind == KIND_INTEGER or slot.kind == KIND_FLOAT else None
