"""Bytes that end a run of plain ones, sixteen at a time where the processor can.

No load goes past `end`, so that the bytes may lie at the very end of their memory.
"""

cdef extern from *:
    """
    #if defined(__SSE2__)
    #include <emmintrin.h>
    #define SEEK_BLOCKS 1
    #else
    #define SEEK_BLOCKS 0
    #endif

    #if SEEK_BLOCKS
    static inline unsigned seek_mask_quote(__m128i block) {
        return (unsigned)_mm_movemask_epi8(_mm_or_si128(
            _mm_cmpeq_epi8(block, _mm_set1_epi8('"')),
            _mm_cmpeq_epi8(block, _mm_set1_epi8('\\\\'))));
    }
    static inline unsigned seek_mask_control(__m128i block) {
        return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(
            _mm_max_epu8(block, _mm_set1_epi8(0x20)), _mm_set1_epi8(0x20)))
            & ~(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(block, _mm_set1_epi8(0x20)));
    }
    #endif

    /* The first quote or backslash, or `end`. */
    static inline const char *seek_quote(const char *at, const char *end) {
    #if SEEK_BLOCKS
        for (; end - at >= 16; at += 16) {
            unsigned mask = seek_mask_quote(_mm_loadu_si128((const __m128i *)at));
            if (mask) return at + __builtin_ctz(mask);
        }
    #endif
        while (at < end && *at != '"' && *at != '\\\\') at++;
        return at;
    }

    /* The first byte that is not ASCII, or `end`. */
    static inline const char *seek_high(const char *at, const char *end) {
    #if SEEK_BLOCKS
        for (; end - at >= 16; at += 16) {
            unsigned mask = (unsigned)_mm_movemask_epi8(_mm_loadu_si128((const __m128i *)at));
            if (mask) return at + __builtin_ctz(mask);
        }
    #endif
        while (at < end && !((unsigned char)*at & 0x80)) at++;
        return at;
    }

    /* The first quote, backslash or control character, or `end`; the bytes before it are at `to`
       then. `to` needs as much room as is left before `end`. */
    static inline const char *seek_copying(const char *at, const char *end, char *to) {
    #if SEEK_BLOCKS
        for (; end - at >= 16; at += 16, to += 16) {
            __m128i block = _mm_loadu_si128((const __m128i *)at);
            unsigned mask = seek_mask_quote(block) | seek_mask_control(block);
            _mm_storeu_si128((__m128i *)to, block);
            if (mask) return at + __builtin_ctz(mask);
        }
    #endif
        while (at < end && *at != '"' && *at != '\\\\' && (unsigned char)*at >= 0x20) *to++ = *at++;
        return at;
    }

    /* The same without the copy. */
    static inline const char *seek_odd(const char *at, const char *end) {
    #if SEEK_BLOCKS
        for (; end - at >= 16; at += 16) {
            __m128i block = _mm_loadu_si128((const __m128i *)at);
            unsigned mask = seek_mask_quote(block) | seek_mask_control(block);
            if (mask) return at + __builtin_ctz(mask);
        }
    #endif
        while (at < end && *at != '"' && *at != '\\\\' && (unsigned char)*at >= 0x20) at++;
        return at;
    }
    """
    const char* seek_quote(const char* at, const char* end) noexcept nogil
    const char* seek_high(const char* at, const char* end) noexcept nogil
    const char* seek_copying(const char* at, const char* end, char* to) noexcept nogil
    const char* seek_odd(const char* at, const char* end) noexcept nogil
