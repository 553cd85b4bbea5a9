"""Bytes that end a run of plain ones, sixteen at a time where the processor can.

No load goes past `end`, or past `limit` where one is given, up to which memory may be read though
what is sought ends before: so the bytes may lie at the very end of their memory.
"""

cdef extern from *:
    """
    #include <string.h>
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
    static inline __m128i seek_controls(__m128i block) {
        return _mm_cmpeq_epi8(_mm_min_epu8(block, _mm_set1_epi8(0x1F)), block);
    }
    static inline unsigned seek_mask_control(__m128i block) {
        return (unsigned)_mm_movemask_epi8(seek_controls(block));
    }
    #endif

    /* The first quote or backslash, or `end`. */
    static inline const char *seek_quote(const char *at, const char *end, const char *limit) {
    #if SEEK_BLOCKS
        for (; limit - at >= 16; at += 16) {
            unsigned mask = seek_mask_quote(_mm_loadu_si128((const __m128i *)at));
            if (mask) {
                at += __builtin_ctz(mask);
                return at < end ? at : end;
            }
            if (end - at <= 16) return end;
        }
    #endif
        while (at < end && *at != '"' && *at != '\\\\') at++;
        return at;
    }

    /* Whether the first `size` of sixteen bytes are those of `text`; all sixteen may be read. */
    static inline int seek_same(const char *at, const char *text, unsigned size) {
    #if SEEK_BLOCKS
        unsigned same = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(
            _mm_loadu_si128((const __m128i *)at), _mm_loadu_si128((const __m128i *)text)));
        return !(~same & ((1u << size) - 1));
    #else
        return memcmp(at, text, size) == 0;
    #endif
    }

    /* Where `size` bytes are those of `text`; NULL for nowhere. Of short texts in
       short lines, which memmem begins by making a table for. */
    static inline const char *seek_text(
        const char *at, const char *end, const char *text, size_t size
    ) {
        const char *last = end - size;
        if (size == 0) return at;
        if ((size_t)(end - at) < size) return NULL;
    #if SEEK_BLOCKS
        __m128i first = _mm_set1_epi8(text[0]), final = _mm_set1_epi8(text[size - 1]);
        for (; last - at >= 15; at += 16) {
            unsigned mask = (unsigned)_mm_movemask_epi8(_mm_and_si128(
                _mm_cmpeq_epi8(first, _mm_loadu_si128((const __m128i *)at)),
                _mm_cmpeq_epi8(final, _mm_loadu_si128((const __m128i *)(at + size - 1)))));
            for (; mask; mask &= mask - 1) {
                const char *found = at + __builtin_ctz(mask);
                if (memcmp(found, text, size) == 0) return found;
            }
        }
    #endif
        for (; at <= last; at++)
            if (*at == *text && memcmp(at, text, size) == 0) return at;
        return NULL;
    }

    /* The first byte that is no digit, or `end`. */
    static inline const char *seek_no_digit(const char *at, const char *end, const char *limit) {
    #if SEEK_BLOCKS
        if (limit - at >= 16) {
            __m128i above = _mm_sub_epi8(
                _mm_loadu_si128((const __m128i *)at), _mm_set1_epi8('0'));
            unsigned digits = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(
                _mm_min_epu8(above, _mm_set1_epi8(9)), above));
            at += __builtin_ctz(~digits);  /* 16 where all are */
            if (at >= end) return end;
        }
    #endif
        while (at < end && *at >= '0' && *at <= '9') at++;
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

    /* Whether all are ASCII, and no quote, backslash or control character (but 0x7F). */
    static inline int seek_plain(const char *at, const char *end) {
    #if SEEK_BLOCKS
        if (end - at >= 16) {
            for (;; at = end - at < 32 ? end - 16 : at + 16) {
                __m128i block = _mm_loadu_si128((const __m128i *)at);
                __m128i low = _mm_cmplt_epi8(block, _mm_set1_epi8(0x20));  /* or no ASCII */
                if (seek_mask_quote(block) | (unsigned)_mm_movemask_epi8(low)) return 0;
                if (end - at == 16) return 1;
            }
        }
    #endif
        while (at < end && *at != '"' && *at != '\\\\' && (signed char)*at >= 0x20) at++;
        return at == end;
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
    const char* seek_quote(const char* at, const char* end, const char* limit) noexcept nogil
    bint seek_plain(const char* at, const char* end) noexcept nogil
    bint seek_same(const char* at, const char* text, unsigned size) noexcept nogil
    const char* seek_text(
        const char* at, const char* end, const char* text, size_t size
    ) noexcept nogil
    const char* seek_no_digit(const char* at, const char* end, const char* limit) noexcept nogil
    const char* seek_high(const char* at, const char* end) noexcept nogil
    const char* seek_copying(const char* at, const char* end, char* to) noexcept nogil
    const char* seek_odd(const char* at, const char* end) noexcept nogil
