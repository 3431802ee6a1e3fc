/* select.c - exact top-k with ascending indices, for n of a few thousand at most.
 *
 * Two steps: find the k-th largest value, then one pass that writes the indices of all above it
 * and, of those equal to it, the first few. The value is found by bracketing: count how many values
 * lie at or above a trial, guessed by interpolation between the ends of the bracket and on every
 * second round by halving the bracket in the order of the floats' bit patterns, which bounds the
 * number of rounds whatever the distribution. When few values are left inside the bracket they are
 * moved together and the search goes on among them. Counting reads 16 values an instruction and
 * never mispredicts, which is why this beats quickselect and heaps at these sizes. -0 equals +0.
 */
#include "simd.h"
#include "vec.h"

enum { FEW = 48 }; /* values from which a final count of ranks is cheaper than more rounds */

bool simd_has_nan(size_t n, const float *values)
{
    uint32_t nan = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, values + i, sizeof bits);
        nan |= (uint32_t)((bits & 0x7fffffffu) > 0x7f800000u);
    }
    return nan != 0;
}

static size_t count_at_least(size_t n, const float *values, float cut)
{
    uint32_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += values[i] >= cut;
    return count;
}

static void smallest_and_largest(size_t n, const float *values, float *ret_min, float *ret_max)
{
    float min = values[0], max = values[0];
    size_t i = 0;
    if (n >= VEC_LANES) {
        float lanes[2][VEC_LANES];
        vec least = vec_load(values), most = least;
        for (i = VEC_LANES; i + VEC_LANES <= n; i += VEC_LANES) {
            vec v = vec_load(values + i);
            least = vec_min(least, v);
            most = vec_max(most, v);
        }
        vec_store(lanes[0], least);
        vec_store(lanes[1], most);
        for (size_t lane = 0; lane < VEC_LANES; lane++) {
            min = lanes[0][lane] < min ? lanes[0][lane] : min;
            max = lanes[1][lane] > max ? lanes[1][lane] : max;
        }
    }
    for (; i < n; i++) {
        min = values[i] < min ? values[i] : min;
        max = values[i] > max ? values[i] : max;
    }
    *ret_min = min;
    *ret_max = max;
}

/* Move the values in [low, high) to `out`; returns how many. out may be `values` itself, and has
 * room for 16 more than are found. */
static size_t keep_between(size_t n, const float *values, float low, float high, float *out)
{
    size_t kept = 0, i = 0;
#if defined(MIDL_ISA_IS_AVX512)
    for (; i + 16 <= n; i += 16) {
        __m512 v = _mm512_loadu_ps(values + i);
        __mmask16 in = _mm512_cmp_ps_mask(v, _mm512_set1_ps(low), _CMP_GE_OQ) &
                       _mm512_cmp_ps_mask(v, _mm512_set1_ps(high), _CMP_LT_OQ);
        _mm512_storeu_ps(out + kept, _mm512_maskz_compress_ps(in, v));
        kept += (size_t)__builtin_popcount(in);
    }
#endif
    for (; i < n; i++) {
        float v = values[i];
        out[kept] = v;
        kept += (size_t)((v >= low) & (v < high));
    }
    return kept;
}

/* Floats as integers of the same order. */
static int32_t ordered(float value)
{
    int32_t bits;
    value += 0.0f; /* -0 to +0 */
    memcpy(&bits, &value, sizeof bits);
    return bits ^ (bits >> 31 & 0x7fffffff);
}

static float unordered(int32_t key)
{
    float value;
    key ^= key >> 31 & 0x7fffffff;
    memcpy(&value, &key, sizeof value);
    return value;
}

/* The rank-th largest (1-based) of a few values: the one with fewer than rank above it and at least
 * rank at or above it. */
static float by_rank(size_t n, const float *values, size_t rank)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t above = 0, at_least = 0;
        for (size_t j = 0; j < n; j++) {
            above += values[j] > values[i];
            at_least += values[j] >= values[i];
        }
        if (above < rank && rank <= at_least)
            return values[i];
    }
    return values[0];
}

/* A trial strictly above `low` and at most `high`, of which at_low and at_high values are at or
 * above: interpolated, or halfway in the order of the floats. */
static float trial(float low, float high, size_t at_low, size_t at_high, size_t rank, bool halve)
{
    int32_t a = ordered(low), b = ordered(high);
    float middle = unordered((int32_t)(((int64_t)a + b + 1) >> 1));
    if (halve)
        return middle;
    float share = ((float)(at_low - rank) + 0.5f) / (float)(at_low - at_high);
    float guess = low + (high - low) * share;
    return guess > low && guess <= high ? guess : middle;
}

/* The rank-th largest of values [n], 1 <= rank <= n. */
static float kth_largest(size_t n, size_t rank, const float *values, float *work)
{
    float low, high; /* count(>= low) >= rank > count(>= high), once high is known to fail */
    smallest_and_largest(n, values, &low, &high);
    size_t at_low = n, at_high = count_at_least(n, values, high);
    if (rank <= at_high)
        return high;
    for (int round = 0; n > FEW && ordered(high) - (int64_t)ordered(low) > 1; round++) {
        float cut = trial(low, high, at_low, at_high, rank, round % 3 == 2);
        if (cut == high)
            cut = trial(low, high, at_low, at_high, rank, true);
        if (cut == high)
            break;
        size_t at_cut = count_at_least(n, values, cut);
        if (at_cut >= rank) {
            low = cut;
            at_low = at_cut;
        } else {
            high = cut;
            at_high = at_cut;
        }
        if ((at_low - at_high) * 4 <= n) {
            size_t kept = keep_between(n, values, low, high, work);
            rank -= at_high;
            at_low -= at_high;
            at_high = 0;
            values = work;
            n = kept;
        }
    }
    if (n > FEW)
        return low; /* nothing lies between low and high: all inside the bracket equal low */
    return by_rank(n, values, rank);
}

/* Write the indices and values of all above `cut` and of the first `ties` equal to it. */
static void write_chosen(size_t n, size_t k, const float *values, float cut, size_t ties,
                         uint32_t *index, float *chosen)
{
    size_t written = 0, i = 0;
#if defined(MIDL_ISA_IS_AVX512)
    __m512i at = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    __m512 c = _mm512_set1_ps(cut);
    for (; i + 16 <= n && written < k; i += 16) {
        __m512 v = _mm512_loadu_ps(values + i);
        uint32_t equal = _mm512_cmp_ps_mask(v, c, _CMP_EQ_OQ);
        uint32_t taken = _mm512_cmp_ps_mask(v, c, _CMP_GT_OQ);
        for (; equal && ties > 0; ties--, equal &= equal - 1)
            taken |= equal & (0u - equal);
        uint32_t count = (uint32_t)__builtin_popcount(taken);
        __m512i i16 = _mm512_maskz_compress_epi32((__mmask16)taken, at);
        __m512 v16 = _mm512_maskz_compress_ps((__mmask16)taken, v);
        if (written + 16 <= k) { /* what is written too much is written again: twice as fast */
            _mm512_storeu_si512(index + written, i16);
            _mm512_storeu_ps(chosen + written, v16);
        } else {
            __mmask16 front = (__mmask16)((1u << count) - 1);
            _mm512_mask_storeu_epi32(index + written, front, i16);
            _mm512_mask_storeu_ps(chosen + written, front, v16);
        }
        at = _mm512_add_epi32(at, _mm512_set1_epi32(16));
        written += count;
    }
#endif
    for (; i < n && written < k; i++) {
        size_t equal = values[i] == cut && ties > 0;
        index[written] = (uint32_t)i;
        chosen[written] = values[i];
        written += (size_t)(values[i] > cut) + equal;
        ties -= equal;
    }
}

void simd_topk(size_t n, size_t k, const float *values, float *work, uint32_t *index, float *chosen)
{
    if (k == n) {
        for (size_t i = 0; i < n; i++)
            index[i] = (uint32_t)i;
        memcpy(chosen, values, n * sizeof *chosen);
        return;
    }
    if (k == 0)
        return;
    float cut = kth_largest(n, k, values, work);
    size_t above = 0;
    for (size_t i = 0; i < n; i++)
        above += values[i] > cut;
    write_chosen(n, k, values, cut, k - above, index, chosen);
}
