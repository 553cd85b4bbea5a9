"""JSON strings full of escapes, 32 bytes at a time where the processor can.

What is escaped comes each eighth byte in a log of JSON, so that no branch may hang on where: a
table tells how the bytes that stay move together.
"""

from exporter.engine.native.seeking cimport seek_copying

cdef extern from *:
    """
    #include <stdint.h>

    #if SEEK_BLOCKS && defined(__x86_64__)
    #include <tmmintrin.h>
    #define UNESCAPING_BLOCKS __attribute__((target("ssse3,popcnt")))

    /* By the mask of the bytes of eight that go: the places of those that stay, in their order. */
    #define STAYS(gone, i) (uint64_t)(~(gone) >> (i) & 1)
    #define PLACE(gone, i, behind) \\
        ((behind) << 8 * STAYS(gone, i) | STAYS(gone, i) * (uint64_t)(i))
    #define PLACES(gone) PLACE(gone, 0, PLACE(gone, 1, PLACE(gone, 2, PLACE(gone, 3, \\
        PLACE(gone, 4, PLACE(gone, 5, PLACE(gone, 6, PLACE(gone, 7, (uint64_t)0))))))))
    #define FOUR(gone) PLACES(gone), PLACES(gone + 1), PLACES(gone + 2), PLACES(gone + 3)
    #define SIXTEEN(gone) FOUR(gone), FOUR(gone + 4), FOUR(gone + 8), FOUR(gone + 12)
    #define MANY(gone) SIXTEEN(gone), SIXTEEN(gone + 16), SIXTEEN(gone + 32), SIXTEEN(gone + 48)
    static const uint64_t unescaping_places[256] = {MANY(0), MANY(64), MANY(128), MANY(192)};

    static inline uint32_t unescaping_mask(__m128i low, __m128i up) {
        return (uint32_t)_mm_movemask_epi8(low) | (uint32_t)_mm_movemask_epi8(up) << 16;
    }

    UNESCAPING_BLOCKS static inline char *unescaping_eight(char *to, __m128i eight, unsigned gone) {
        _mm_storel_epi64((__m128i *)to, _mm_shuffle_epi8(
            eight, _mm_loadl_epi64((const __m128i *)&unescaping_places[gone])));
        return to + 8 - __builtin_popcount(gone);
    }

    UNESCAPING_BLOCKS static inline char *unescaping_sixteen(
        char *to, __m128i block, unsigned gone) {
        to = unescaping_eight(to, block, gone & 0xFF);
        return unescaping_eight(to, _mm_unpackhi_epi64(block, block), gone >> 8);
    }

    /* The backslashes that escape: each second one of a run, from its first on. Adding its first
       to a run clears it, so those that begin at an even place are known from the others. */
    static inline uint32_t unescaping_escapes(uint32_t backslashes) {
        const uint32_t even = 0x55555555;
        uint32_t firsts = backslashes & ~(backslashes << 1);
        uint32_t runs = backslashes & ~(backslashes + (firsts & even));
        return (runs & even) | (backslashes & ~runs & ~even);
    }

    UNESCAPING_BLOCKS static const char *unescaping_blocks(
        const char *at, const char *end, char **to, int *wide) {
        const __m128i a_quote = _mm_set1_epi8('"'), a_backslash = _mm_set1_epi8('\\\\');
        char *put = *to;
        uint32_t first = 0;  /* whether the first byte is escaped */
        int high = 0;
        for (; end - at >= 32; at += 32) {
            __m128i low = _mm_loadu_si128((const __m128i *)at);
            __m128i up = _mm_loadu_si128((const __m128i *)(at + 16));
            uint32_t quotes = unescaping_mask(
                _mm_cmpeq_epi8(low, a_quote), _mm_cmpeq_epi8(up, a_quote));
            uint32_t backslashes = unescaping_mask(
                _mm_cmpeq_epi8(low, a_backslash), _mm_cmpeq_epi8(up, a_backslash));
            uint32_t gone = unescaping_escapes(backslashes & ~first);
            uint32_t escaped = gone << 1 | first;
            uint32_t stops = (quotes & ~escaped) | (escaped & ~(quotes | backslashes))
                | unescaping_mask(seek_controls(low), seek_controls(up));
            char *half = unescaping_sixteen(put, low, gone & 0xFFFF);
            high |= _mm_movemask_epi8(_mm_or_si128(low, up));
            unescaping_sixteen(half, up, gone >> 16);
            if (stops) {
                int count = __builtin_ctz(stops);
                put += count - __builtin_popcount(gone & (((uint32_t)1 << count) - 1));
                at += count;
                first = escaped >> count & 1;
                break;
            }
            put += 32 - __builtin_popcount(gone);
            first = gone >> 31;
        }
        *to = put;
        *wide |= high;
        return at - first;  /* at the backslash of an escape that is not over */
    }
    #endif

    /* As `seek_copying`, past quotes and backslashes that are escaped: these stand at
       `to` as what they mean. Near `end` it may stop at one of them. `wide` is set where something
       may be no ASCII. */
    static inline const char *unescaping_copying(
        const char *at, const char *end, char **to, int *wide) {
        const char *behind;
    #ifdef UNESCAPING_BLOCKS
        if (__builtin_cpu_supports("ssse3") && __builtin_cpu_supports("popcnt")) {
            at = unescaping_blocks(at, end, to, wide);
            if (end - at >= 32) return at;
        }
    #endif
        behind = seek_copying(at, end, *to);
        *to += behind - at;
        *wide |= at != behind;
        return behind;
    }
    """
    const char* unescaping_copying(
        const char* at, const char* end, char** to, bint* wide
    ) noexcept nogil
