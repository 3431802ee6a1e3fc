/* select.c - exact top-k with ascending indices, for n of 64 to some ten thousand.
 *
 * Three passes over the values, none with a branch that depends on them, which is why this beats
 * quickselect and heaps. The first takes mean and deviation, and sees a NaN. Were the values
 * normal, the k-th largest would lie in a narrow window around mean + z(k/n) deviations: the second
 * pass counts what lies above the window and copies what lies inside. Of these few the k-th largest
 * is found by counting for each how many are larger. The third pass writes the indices of all above
 * it and, of those equal to it, of the first few.
 *
 * The window is a guess: the counts tell whether it holds the k-th largest, and if not, on which
 * side that is. The search goes on among what is left, by windows interpolated between its smallest
 * and largest value and on every third round by halving in the order of the floats' bit patterns,
 * which bounds the rounds whatever the distribution. Guesses cost time, never exactness.
 */
#include <math.h>

#include "pack.h"
#include "simd.h"

enum { FEW_VECTORS = 4, FEW = FEW_VECTORS * VEC_LANES }; /* so many are ranked by counting */

/* Half a window, in standard deviations of the number of values above its middle, were they drawn
 * one by one: 2.5 of what is left of these, given mean and deviation of the values themselves. */
static const float WINDOW = 1.5f;

/* The k-th largest value, how many of all are above it, and how many equal to it. */
struct cut {
    float value;
    size_t above, equal;
};

/* The values among which it is still sought: it is their rank-th largest (1-based), and `above` of
 * all are larger than these. */
struct search {
    size_t n, rank, above;
    const float *values;
    float *next, *after; /* where those go that are left: n + VEC_LANES floats each */
};

/* ---- Passes over values -------------------------------------------------------------------- */

static void smallest_and_largest(size_t n, const float *values, float *ret_min, float *ret_max)
{
    float min = values[0], max = values[0];
    size_t i = 0;
    if (n >= VEC_LANES) {
        float each[2][VEC_LANES];
        vec least = vec_load(values), most = least;
        for (i = VEC_LANES; i + VEC_LANES <= n; i += VEC_LANES) {
            vec v = vec_load(values + i);
            least = vec_min(least, v);
            most = vec_max(most, v);
        }
        vec_store(each[0], least);
        vec_store(each[1], most);
        for (size_t lane = 0; lane < VEC_LANES; lane++) {
            min = each[0][lane] < min ? each[0][lane] : min;
            max = each[1][lane] > max ? each[1][lane] : max;
        }
    }
    for (; i < n; i++) {
        min = values[i] < min ? values[i] : min;
        max = values[i] > max ? values[i] : max;
    }
    *ret_min = min;
    *ret_max = max;
}

/* Mean and standard deviation. Squares can't cancel: their sum is NaN if and only if a value is,
 * and then so is the deviation. */
static void mean_and_deviation(size_t n, const float *values, float *ret_mean, float *ret_deviation)
{
    vec sum[4] = {vec_set(0.0f), vec_set(0.0f), vec_set(0.0f), vec_set(0.0f)};
    vec square[4] = {sum[0], sum[0], sum[0], sum[0]};
    size_t i = 0;
    for (; i + 4 * VEC_LANES <= n; i += 4 * VEC_LANES)
        for (size_t j = 0; j < 4; j++) {
            vec v = vec_once(vec_load(values + i + j * VEC_LANES));
            sum[j] = sum[j] + v;
            square[j] = vec_fma(v, v, square[j]);
        }
    float total = vec_sum((sum[0] + sum[1]) + (sum[2] + sum[3]));
    float squares = vec_sum((square[0] + square[1]) + (square[2] + square[3]));
    for (; i < n; i++) {
        total += values[i];
        squares += values[i] * values[i];
    }
    float mean = total / (float)n, variance = squares / (float)n - mean * mean;
    *ret_mean = mean;
    *ret_deviation = isnan(squares) ? squares : sqrtf(variance > 0.0f ? variance : 0.0f);
}

/* Copy the values in low..high to `out`, which has room for VEC_LANES more; returns how many, and
 * how many are at least `low` but not among them. */
static size_t keep_between(size_t n, const float *values, float low, float high, float *out,
                           size_t *ret_above)
{
    size_t kept = 0, least = 0, i = 0;
#if PACK
    const vec l = vec_set(low), h = vec_set(high);
    lanes counts = {0};
    for (; i + VEC_LANES <= n; i += VEC_LANES) {
        vec v = vec_once(vec_load(values + i));
        pack_mask in = pack_between(v, l, h);
        counts = lanes_count_at_least(counts, v, l);
        pack_store(out + kept, v, in);
        kept += (size_t)__builtin_popcount(in);
    }
    least = lanes_sum(counts);
#endif
    for (; i < n; i++) {
        float v = values[i];
        out[kept] = v;
        kept += (size_t)((v >= low) & (v <= high));
        least += (size_t)(v >= low);
    }
    *ret_above = least - kept;
    return kept;
}

/* ---- The k-th largest ---------------------------------------------------------------------- */

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

static float next_above(float value)
{
    return unordered(ordered(value) + 1);
}

static float next_below(float value)
{
    int32_t key = ordered(value);
    return unordered(key == 0 ? -2 : key - 1); /* -1 is -0, which isn't below 0 */
}

/* A standard normal value exceeds this with probability share, 0.005 to 0.995; off by 0.007. */
static float normal_quantile(float share)
{
    float t = 0.5f - share, r = t * t;
    return t * (2.513363f + r * (-13.380008f + r * 14.633010f)) /
           (1.0f + r * (-6.300360f + r * 9.420891f));
}

/* The shares of all values that lie above the ends of a window around the rank-th of n. */
static void window_shares(size_t n, size_t rank, float *ret_least, float *ret_most)
{
    float share = ((float)rank - 0.5f) / (float)n;
    float margin = WINDOW * sqrtf(share * (1.0f - share) / (float)n) + 0.5f / (float)n;
    *ret_least = share - margin;
    *ret_most = share + margin;
}

/* Of a few values the rank-th largest, by counting for each how many are larger. Equal values have
 * equal counts, so that the count rank - 1 may not occur. values: room for `vectors`. */
VEC_INLINE struct cut rank_among(size_t vectors, size_t n, float *values, size_t rank)
{
    lanes above[FEW_VECTORS] = {{0}};
    vec v[FEW_VECTORS];
    uint64_t found = 0;
    for (size_t i = n; i < vectors * VEC_LANES; i++)
        values[i] = -INFINITY;
    for (size_t i = 0; i < vectors; i++)
        v[i] = vec_load(values + i * VEC_LANES);
    for (size_t j = 0; j < n; j++) {
        vec other = vec_once(vec_set(values[j]));
        for (size_t i = 0; i < vectors; i++)
            above[i] = lanes_count_above(above[i], other, v[i]);
    }
    for (; !found; rank--) {
        for (size_t i = 0; i < vectors; i++)
            found |= (uint64_t)lanes_equal(above[i], (int32_t)rank - 1) << (i * VEC_LANES);
        found &= UINT64_MAX >> (64 - n);
    }
    return (struct cut){values[__builtin_ctzll(found)], rank, (size_t)__builtin_popcountll(found)};
}

static struct cut rank_few(const struct search *s)
{
    float values[FEW];
    memcpy(values, s->values, s->n * sizeof *values);
    struct cut cut = s->n <= 2 * VEC_LANES   ? rank_among(2, s->n, values, s->rank)
                     : s->n <= 3 * VEC_LANES ? rank_among(3, s->n, values, s->rank)
                                             : rank_among(FEW_VECTORS, s->n, values, s->rank);
    cut.above += s->above;
    return cut;
}

/* Go on among the values in low..high if the answer is one of them; true if so. */
static bool search_in(struct search *s, float low, float high, size_t *ret_over)
{
    float *out = s->next;
    size_t over, kept = keep_between(s->n, s->values, low, high, out, &over);
    *ret_over = over;
    if (s->rank <= over || s->rank > over + kept)
        return false;
    *s = (struct search){kept, s->rank - over, s->above + over, out, s->after, out};
    return true;
}

/* Go on among the values in low..high, or those above, or those below. */
static void search_around(struct search *s, float low, float high)
{
    size_t over;
    if (search_in(s, low, high, &over))
        return;
    if (s->rank <= over)
        (void)search_in(s, next_above(high), INFINITY, &over);
    else
        (void)search_in(s, -INFINITY, next_below(low), &over);
}

static void search_normal(struct search *s, float mean, float deviation)
{
    float least, most;
    window_shares(s->n, s->rank, &least, &most);
    float low = most < 0.995f ? mean + deviation * normal_quantile(most) : -INFINITY;
    float high = least > 0.005f ? mean + deviation * normal_quantile(least) : INFINITY;
    search_around(s, low, high);
}

/* As if the values were spread evenly from min to max. An infinite one makes a window of nothing,
 * or of NaN, which holds nothing: then halving alone leads on. */
static void search_even(struct search *s, float min, float max)
{
    float least, most, range = max - min;
    window_shares(s->n, s->rank, &least, &most);
    float low = max - range * most, high = max - range * least;
    search_around(s, low > min ? low : min, high < max ? high : max);
}

/* Halfway between min and max there is always a value's end: fewer values are left. */
static void search_half(struct search *s, float min, float max)
{
    int64_t sum = (int64_t)ordered(min) + ordered(max) + 1;
    search_around(s, unordered((int32_t)(sum >> 1)), max);
}

/* The rank-th largest of s->values, none of them NaN. */
static struct cut search_end(struct search *s)
{
    for (int round = 0; s->n > FEW; round++) {
        float min, max;
        smallest_and_largest(s->n, s->values, &min, &max);
        if (min == max)
            return (struct cut){min, s->above, s->n};
        if (round % 3 == 2)
            search_half(s, min, max);
        else
            search_even(s, min, max);
    }
    return rank_few(s);
}

/* ---- Writing ------------------------------------------------------------------------------- */

/* Write the indices and values of those of [first, last) at or above `cut`, behind the `written`
 * ones of k; returns how many are written then. */
static size_t write_at_least(size_t first, size_t last, const float *values, float cut, size_t k,
                             size_t written, uint32_t *index, float *chosen)
{
    size_t i = first;
#if PACK
    const vec c = vec_set(cut);
    lanes at = lanes_from((int32_t)first);
    for (; i + VEC_LANES <= last && written + VEC_LANES <= k; i += VEC_LANES) {
        vec v = vec_once(vec_load(values + i));
        pack_mask taken = pack_at_least(v, c);
        pack_store(index + written, (vec)at, taken);
        pack_store(chosen + written, v, taken);
        at += VEC_LANES;
        written += (size_t)__builtin_popcount(taken);
    }
#if defined(MIDL_ISA_IS_AVX512)
    for (; i + VEC_LANES <= last && written < k; i += VEC_LANES) { /* not beyond k */
        vec v = vec_load(values + i);
        pack_mask taken = pack_at_least(v, c);
        pack_store_only(index + written, (vec)at, taken);
        pack_store_only(chosen + written, v, taken);
        at += VEC_LANES;
        written += (size_t)__builtin_popcount(taken);
    }
#endif
#endif
    for (; i < last && written < k; i++) {
        index[written] = (uint32_t)i;
        chosen[written] = values[i];
        written += (size_t)(values[i] >= cut);
    }
    return written;
}

/* Where the first `count` values that equal `value` end; there are as many. */
static size_t end_of_equal(size_t n, const float *values, float value, size_t count)
{
    enum { STRIDE = 64 };
    size_t i = 0;
    for (; i + STRIDE <= n; i += STRIDE) {
        uint32_t equal = 0;
        for (size_t j = 0; j < STRIDE; j++)
            equal += values[i + j] == value;
        if (equal >= count)
            break;
        count -= equal;
    }
    for (; count > 0; i++)
        count -= (size_t)(values[i] == value);
    return i;
}

static void write_chosen(size_t n, size_t k, const float *values, const struct cut *cut,
                         uint32_t *index, float *chosen)
{
    bool all = cut->above + cut->equal == k;
    size_t end = all ? n : end_of_equal(n, values, cut->value, k - cut->above);
    size_t written = write_at_least(0, end, values, cut->value, k, 0, index, chosen);
    write_at_least(end, n, values, next_above(cut->value), k, written, index, chosen);
}

static void write_all(size_t n, const float *values, uint32_t *index, float *chosen)
{
    for (size_t i = 0; i < n; i++)
        index[i] = (uint32_t)i;
    memcpy(chosen, values, n * sizeof *chosen);
}

bool simd_topk(size_t n, size_t k, const float *values, float *work, uint32_t *index, float *chosen)
{
    float mean, deviation;
    mean_and_deviation(n, values, &mean, &deviation);
    if (isnan(deviation))
        return false;
    if (k == n)
        write_all(n, values, index, chosen);
    if (k == 0 || k == n)
        return true;
    struct search s = {n, k, 0, values, work, work + n + VEC_LANES};
    if (n > FEW / 2 && deviation > 0.0f && deviation < INFINITY)
        search_normal(&s, mean, deviation);
    struct cut cut = search_end(&s);
    write_chosen(n, k, values, &cut, index, chosen);
    return true;
}

/* ---- Blocks -------------------------------------------------------------------------------- */

/* sums[i] = sum of the i-th `block` values, a multiple of 8. */
VEC_INLINE void block_sums(size_t blocks, size_t block, const float *values, float *sums)
{
    const size_t step = block < VEC_LANES ? block : VEC_LANES;
    size_t i = 0;
    memset(sums, 0, blocks * sizeof *sums);
    for (; i + 16 <= blocks; i += 16) {
        vec v[16];
        for (size_t j = 0; j < 16; j++) {
            const float *from = values + (i + j) * block;
            v[j] = step < VEC_LANES ? vec_load_part(from, step) : vec_load(from);
            for (size_t at = step; at < block; at += step)
                v[j] = v[j] + vec_load(from + at);
        }
        vec_add_sums(0xffff, v, sums + i);
    }
    for (; i < blocks; i++)
        for (size_t j = 0; j < block; j++)
            sums[i] += values[i * block + j];
}

/* Replace `blocks` ascending block numbers in front of index by the neurons of these blocks, from
 * the last on. */
VEC_INLINE void expand_blocks(size_t blocks, size_t block, const float *values, uint32_t *index,
                              float *chosen)
{
    for (size_t i = blocks; i-- > 0;) {
        uint32_t first = index[i] * (uint32_t)block;
        memcpy(chosen + i * block, values + first, block * sizeof *values);
        for (size_t j = 0; j < block; j++)
            index[i * block + j] = first + (uint32_t)j;
    }
}

bool simd_topk_blocks(size_t n, size_t k, size_t block, const float *values, float *work,
                      uint32_t *index, float *chosen)
{
    size_t blocks = n / block;
    if (block == 16)
        block_sums(blocks, 16, values, work);
    else
        block_sums(blocks, block, values, work);
    if (!simd_topk(blocks, k / block, work, work + blocks, index, chosen))
        return false;
    if (block == 16)
        expand_blocks(k / 16, 16, values, index, chosen);
    else
        expand_blocks(k / block, block, values, index, chosen);
    return true;
}
