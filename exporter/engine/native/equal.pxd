"""Whether two runs of bytes are the same; nearly all that are compared are short."""

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>

    static inline int equal_8(const char *a, const char *b) {
        uint64_t left, right;
        memcpy(&left, a, 8);
        memcpy(&right, b, 8);
        return left == right;
    }
    static inline int equal_4(const char *a, const char *b) {
        uint32_t left, right;
        memcpy(&left, a, 4);
        memcpy(&right, b, 4);
        return left == right;
    }

    /* Both have `size` bytes. The first and the last ones may overlap. */
    static inline int equal(const char *a, const char *b, size_t size) {
        if (size > 16) return memcmp(a, b, size) == 0;
        if (size >= 8) return equal_8(a, b) && equal_8(a + size - 8, b + size - 8);
        if (size >= 4) return equal_4(a, b) && equal_4(a + size - 4, b + size - 4);
        if (!size) return 1;
        return a[0] == b[0] && a[size >> 1] == b[size >> 1] && a[size - 1] == b[size - 1];
    }
    """
    bint equal(const char* a, const char* b, size_t size) noexcept nogil
