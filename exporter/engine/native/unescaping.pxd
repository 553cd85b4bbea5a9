"""JSON strings full of escaped quotes, 64 bytes at a time where the processor can."""

from exporter.engine.native.seeking cimport seek_copying

cdef extern from *:
    """
    #include <stdint.h>

    #if SEEK_BLOCKS
    static inline uint64_t unescaping_odd(const char *at) {
        uint64_t odd = 0;
        int i;
        for (i = 0; i < 4; i++) {
            __m128i block = _mm_loadu_si128((const __m128i *)(at + 16 * i));
            odd |= (uint64_t)(seek_mask_quote(block) | seek_mask_control(block)) << (16 * i);
        }
        return odd;
    }

    /* Up to 15 bytes more may be read and written. */
    static inline char *unescaping_copy(char *to, const char *at, const char *end) {
        char *behind = to + (end - at);
        do {
            _mm_storeu_si128((__m128i *)to, _mm_loadu_si128((const __m128i *)at));
            at += 16;
            to += 16;
        } while (at < end);
        return behind;
    }
    #endif

    /* As `seek_copying`, past quotes, backslashes and slashes that are escaped: these stand at
       `to` as what they mean. Near `end` it may stop at one of them. */
    static inline const char *unescaping_copying(const char *at, const char *end, char **to) {
    #if SEEK_BLOCKS
        char *put = *to;
        while (end - at >= 96) {
            const char *block = at;
            uint64_t odd = unescaping_odd(block);
            while (odd) {
                const char *found = block + __builtin_ctzll(odd);
                put = unescaping_copy(put, at, found);
                at = found;
                if (*at != '\\\\' || (at[1] != '"' && at[1] != '\\\\' && at[1] != '/')) {
                    *to = put;
                    return at;
                }
                at++;  /* what is escaped is copied with what follows it */
                odd &= ~((uint64_t)3 << (found - block));
            }
            if (at == block + 64) {
                *put++ = *at++;  /* the escape ends in the next block */
            } else {
                put = unescaping_copy(put, at, block + 64);
                at = block + 64;
            }
        }
        *to = put;
    #endif
        const char *behind = seek_copying(at, end, *to);
        *to += behind - at;
        return behind;
    }
    """
    const char* unescaping_copying(const char* at, const char* end, char** to) noexcept nogil
