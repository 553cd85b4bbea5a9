"""UTF-8 as `bytes.decode("utf-8")` takes it: no overlong form, no surrogate, nothing cut off."""

from exporter.engine.native.seeking cimport seek_high


cdef inline bint is_utf8(const char* at, Py_ssize_t size) noexcept nogil:
    cdef const char* end = at + size
    cdef unsigned char first, least, most
    cdef int more
    while True:
        at = seek_high(at, end)
        if at == end:
            return True
        first = <unsigned char>at[0]
        least, most = 0x80, 0xBF  # of the second byte
        if first < 0xC2 or first > 0xF4:
            return False
        if first < 0xE0:
            more = 1
        elif first < 0xF0:
            more = 2
            if first == 0xE0:
                least = 0xA0
            elif first == 0xED:
                most = 0x9F
        else:
            more = 3
            if first == 0xF0:
                least = 0x90
            elif first == 0xF4:
                most = 0x8F
        if end - at <= more:
            return False
        at += 1
        if not least <= <unsigned char>at[0] <= most:
            return False
        while more > 1:
            more -= 1
            at += 1
            if (<unsigned char>at[0] & 0xC0) != 0x80:
                return False
        at += 1
