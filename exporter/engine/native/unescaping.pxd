"""JSON strings full of escapes, 32 bytes at a time where the processor can.

What is escaped comes each eighth byte in a log of JSON, so that no branch may hang on where: a
table tells how the bytes that stay move together.
"""

from exporter.engine.native.seeking cimport seek_copying

cdef extern from *:
    """
    #include <stdint.h>

    #if defined(__x86_64__)
    #include <immintrin.h>
    #define UNESCAPING_BLOCKS __attribute__((target("avx2,popcnt")))

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
        const __m256i quote = _mm256_set1_epi8('"'), backslash = _mm256_set1_epi8('\\\\');
        const __m256i control = _mm256_set1_epi8(0x1F);
        char *put = *to;
        uint32_t first = 0;  /* whether the first byte is escaped */
        int high = 0;
        for (; end - at >= 32; at += 32) {
            __m256i block = _mm256_loadu_si256((const __m256i *)at);
            uint32_t quotes = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(block, quote));
            uint32_t backslashes = (uint32_t)_mm256_movemask_epi8(
                _mm256_cmpeq_epi8(block, backslash));
            uint32_t gone = unescaping_escapes(backslashes & ~first);
            uint32_t escaped = gone << 1 | first;
            uint32_t stops = (quotes & ~escaped) | (escaped & ~(quotes | backslashes))
                | (uint32_t)_mm256_movemask_epi8(
                    _mm256_cmpeq_epi8(_mm256_min_epu8(block, control), block));
            char *half = unescaping_sixteen(put, _mm256_castsi256_si128(block), gone & 0xFFFF);
            unescaping_sixteen(half, _mm256_extracti128_si256(block, 1), gone >> 16);
            high |= _mm256_movemask_epi8(block);
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
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt")) {
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
