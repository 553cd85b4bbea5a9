"""Messages of JSON out of their escapes, so that templates fit them letter by letter."""

from exporter.engine.native.envelopes cimport unescaped
from exporter.engine.native.recall cimport fill
from exporter.engine.native.slots cimport KIND_STRING, Slot
from exporter.engine.native.state cimport LONGEST_HEAD, Walk
from exporter.engine.native.unescaping cimport unescaping_copying


cdef inline void say(Walk* walk, const Slot* message) noexcept nogil:
    """Have an escaped message as the key's text; as it is spelled where only Python reads it."""
    cdef const char* at = message.at
    cdef const char* end = at + message.size
    cdef char* to = walk.said
    cdef bint wide = False
    walk.key[1] = message[0]
    if message.size > LONGEST_HEAD:
        return
    at = unescaping_copying(at, end, &to, &wide)
    while at < end:
        at = unescaped(at, end, &to) if at[0] == c"\\" else NULL
        if at == NULL:
            return
        at = unescaping_copying(at, end, &to, &wide)
    fill(&walk.key[1], walk.said, to - walk.said, KIND_STRING, walk)
