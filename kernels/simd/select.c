/* select.c - exact top-k with ascending indices, for n of 64 to some ten thousand.
 *
 * Three passes over the values, none with a branch that depends on them, which is why this beats
 * quickselect and heaps. The first takes mean and deviation, and sees a NaN. The k-th largest is
 * then expected in a window around the mean, as many deviations away as in the inputs before, or,
 * of the first one, as if the values were normal: the second pass counts what lies above the window
 * and copies what lies inside. Of these few the k-th largest is found by counting for each how many
 * are larger, and where they are too many for that, after one more such pass among them. The third
 * pass over all writes the indices of all above it and, of those equal to it, of the first few, and
 * a bit for each.
 * Several inputs go side by side.
 *
 * The window is a guess: the counts tell whether it holds the k-th largest, and if not, on which
 * side that is. The next one lies on that side; and should that one miss, too, the search goes on
 * by windows interpolated between smallest and largest value and on every third round by halving in
 * the order of the floats' bit patterns, which bounds the rounds whatever the distribution. Guesses
 * cost time, never exactness.
 */
#include <math.h>

#include "bits.h"
#include "pack.h"
#include "simd.h"

enum { FEW_VECTORS = 4, FEW = FEW_VECTORS * VEC_LANES }; /* so many are ranked by counting */

/* Half a window, in standard deviations of the number of values above its middle, were they drawn
 * one by one: 2.5 of what is left of these, given mean and deviation of the values themselves. */
static const float WINDOW = 1.5f;
/* The same among the values of a window, of which nothing else is known. */
static const float WINDOW_EVEN = 2.0f;

/* More values than these are narrowed down before they are counted. An input alone would wait
 * longer for what that stores than for the counting. */
enum { MANY = 16, MANY_ALONE = FEW };

/* A learned window reaches so many mean distances from where the cut lay on average in about as
 * many of the last inputs as REMEMBERED. */
static const float REACH = 3.0f;
enum { REMEMBERED = 16 };

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
    bool padded;         /* a vector of NaN lies behind them */
    float *next, *after; /* where those go that are left: n + VEC_LANES floats each */
};

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

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

/* Copy the values in low..high to `out` and a vector of NaN behind; returns how many, and how many
 * are at least `low` but not among them. `padded`: so are the values. */
static size_t keep_between(size_t n, bool padded, const float *values, float low, float high,
                           float *out, size_t *ret_above)
{
    size_t kept = 0, least = 0, i = 0;
    (void)padded;
#if PACK
    const size_t whole = padded ? n + VEC_LANES - 1 : n;
    const vec l = vec_set(low), h = vec_set(high);
    lanes counts = {0};
    for (; i + VEC_LANES <= whole; i += VEC_LANES) {
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
    vec_store(out + kept, vec_set(NAN));
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
static void window_shares(size_t n, size_t rank, float reach, float *ret_least, float *ret_most)
{
    float share = ((float)rank - 0.5f) / (float)n;
    float margin = reach * sqrtf(share * (1.0f - share) / (float)n) + 0.5f / (float)n;
    *ret_least = share - margin;
    *ret_most = share + margin;
}

/* Find the rank-th largest of a few values by counting for each how many are larger. Equals have
 * equal counts, so that the count rank - 1 may not occur. values: `vectors`, and NaN from n on. */
VEC_INLINE struct cut rank_among(size_t vectors, size_t n, const float *values, size_t rank)
{
    lanes above[FEW_VECTORS] = {{0}};
    vec v[FEW_VECTORS];
    uint64_t found = 0;
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
    float copy[FEW + VEC_LANES];
    const float *values = s->values;
    if (!s->padded) {
        memcpy(copy, values, s->n * sizeof *copy);
        vec_store(copy + s->n, vec_set(NAN));
        values = copy;
    }
    struct cut cut = s->n <= VEC_LANES       ? rank_among(1, s->n, values, s->rank)
                     : s->n <= 2 * VEC_LANES ? rank_among(2, s->n, values, s->rank)
                     : s->n <= 3 * VEC_LANES ? rank_among(3, s->n, values, s->rank)
                                             : rank_among(FEW_VECTORS, s->n, values, s->rank);
    cut.above += s->above;
    return cut;
}

/* Go on among the values in low..high if the answer is one of them; true if so. */
static bool search_in(struct search *s, float low, float high, size_t *ret_over)
{
    float *out = s->next;
    size_t over, kept = keep_between(s->n, s->padded, s->values, low, high, out, &over);
    *ret_over = over;
    if (s->rank <= over || s->rank > over + kept)
        return false;
    *s = (struct search){kept, s->rank - over, s->above + over, out, true, s->after, out};
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

/* As if the values were spread evenly from min to max. An infinite one makes a window of nothing,
 * or of NaN, which holds nothing: then halving alone leads on. */
static void search_even(struct search *s, float min, float max)
{
    float least, most, range = max - min;
    window_shares(s->n, s->rank, WINDOW_EVEN, &least, &most);
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

/* Where one input's chosen go; `bits` are zeros. */
struct place {
    size_t k;
    uint32_t *index;
    float *value;
    uint8_t *bits;
};

/* Write those of [first, last) that are at or above their lane of `cut`, behind the `written` ones;
 * returns how many are written then. first: a multiple of VEC_LANES. */
static size_t write_at_least(size_t first, size_t last, const float *values, vec cut,
                             size_t written, const struct place *to)
{
    uint32_t *index = to->index;
    float *value = to->value;
    uint8_t *bits = to->bits;
    size_t i = first, k = to->k;
#if PACK
    lanes at = lanes_from((int32_t)first);
    for (; i + VEC_LANES <= last && written + VEC_LANES <= k; i += VEC_LANES) {
        vec v = vec_once(vec_load(values + i));
        pack_mask taken = pack_at_least(v, cut);
        bits_put(taken, bits, i);
        pack_store(index + written, (vec)at, taken);
        pack_store(value + written, v, taken);
        at += VEC_LANES;
        written += (size_t)__builtin_popcount(taken);
    }
#if defined(MIDL_ISA_IS_AVX512)
    for (; i + VEC_LANES <= last && written < k; i += VEC_LANES) { /* not beyond k */
        vec v = vec_load(values + i);
        pack_mask taken = pack_at_least(v, cut);
        bits_put(taken, bits, i);
        pack_store_only(index + written, (vec)at, taken);
        pack_store_only(value + written, v, taken);
        at += VEC_LANES;
        written += (size_t)__builtin_popcount(taken);
    }
#endif
#endif
    for (; i < last && written < k; i++) {
        bool taken = values[i] >= cut[i % VEC_LANES];
        index[written] = (uint32_t)i;
        value[written] = values[i];
        bits[i / 8] |= (uint8_t)(taken << i % 8);
        written += taken;
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

/* Write those above the cut, and of those that equal it as many as make k. */
static void write_chosen(size_t n, const float *values, const struct cut *cut,
                         const struct place *to)
{
    const vec least = vec_set(cut->value), more = vec_set(next_above(cut->value));
    vec mixed = more;
    memset(to->bits, 0, MIDL_BITS(n));
    if (cut->above + cut->equal == to->k) {
        write_at_least(0, n, values, least, 0, to);
        return;
    }
    size_t end = end_of_equal(n, values, cut->value, to->k - cut->above);
    size_t whole = end / VEC_LANES * VEC_LANES, next = smaller(whole + VEC_LANES, n);
    for (size_t i = whole; i < end; i++)
        mixed[i % VEC_LANES] = cut->value;
    size_t written = write_at_least(0, whole, values, least, 0, to);
    written = write_at_least(whole, next, values, mixed, written, to);
    write_at_least(next, n, values, more, written, to);
}

static void write_all(size_t n, const float *values, const struct place *to)
{
    memset(to->bits, 0, MIDL_BITS(n));
    for (size_t i = 0; i < n; i++) {
        to->index[i] = (uint32_t)i;
        to->bits[i / 8] |= (uint8_t)(1 << i % 8);
    }
    memcpy(to->value, values, n * sizeof *values);
}

/* ---- Guesses ------------------------------------------------------------------------------- */

/* A window in deviations from the mean: where the cut lay before, or would if values were normal.
 */
static void guess_window(const struct midl_topk_guess *guess, size_t n, size_t k, float *ret_low,
                         float *ret_high)
{
    float least, most;
    bool known = guess->seen > 0 && fabsf(guess->middle) < INFINITY && guess->reach < INFINITY;
    window_shares(n, k, WINDOW, &least, &most);
    *ret_low = known           ? guess->middle - guess->reach
               : most < 0.995f ? normal_quantile(most)
                               : -INFINITY;
    *ret_high = known            ? guess->middle + guess->reach
                : least > 0.005f ? normal_quantile(least)
                                 : INFINITY;
}

/* The cut lay at `cut`, and was sought in low..high first: as wide as that goes on what one cut
 * can't tell. */
static void guess_learn(struct midl_topk_guess *guess, float low, float high, float cut)
{
    float rate = 1.0f / (float)(guess->seen + 1), step = cut - guess->middle;
    if (guess->seen == 0) {
        guess->middle = cut;
        guess->reach = (high - low) / 2;
    } else {
        guess->middle += rate * step;
        guess->reach += rate * (REACH * fabsf(step) - guess->reach);
    }
    guess->seen += guess->seen < REMEMBERED - 1;
    if (!(fabsf(guess->middle) < INFINITY && guess->reach < INFINITY))
        guess->seen = 0;
}

/* ---- Several inputs side by side ----------------------------------------------------------- */

struct input {
    float mean, deviation;
    bool guessed, narrowed; /* a window was tried, and held the answer */
    float low, high;        /* the window */
    struct search search;
    struct cut cut;
};

struct topk {
    size_t n, k;
    const float *values;
    struct midl_topk_guess *guess;
    float *work;
    struct midl_chosen to;
    size_t stride, bytes; /* from one input's index and value to the next one's, and of bits */
};

static struct place place_of(const struct topk *t, size_t b)
{
    return (struct place){t->k, t->to.index + b * t->stride, t->to.value + b * t->stride,
                          t->to.bits + b * t->bytes};
}

static void input_start(const struct topk *t, size_t b, struct input *in)
{
    const size_t room = t->n + VEC_LANES;
    float *work = t->work + 2 * b * room;
    *in = (struct input){0};
    in->search = (struct search){t->n, t->k, 0, t->values + b * t->n, false, work, work + room};
    mean_and_deviation(t->n, in->search.values, &in->mean, &in->deviation);
    in->guessed = t->n > FEW / 2 && in->deviation > 0.0f && in->deviation < INFINITY;
    t->to.ranked[b] = !isnan(in->deviation);
}

/* In the window, or in a wider one beside it. */
static void input_guess(struct input *in, float low, float high)
{
    size_t over;
    in->low = in->mean + in->deviation * low;
    in->high = in->mean + in->deviation * high;
    in->narrowed = search_in(&in->search, in->low, in->high, &over);
    if (in->narrowed)
        return;
    float width = 3 * (in->high - in->low);
    bool higher = in->search.rank <= over;
    in->low = higher ? next_above(in->high) : in->low - width;
    in->high = higher ? in->high + width : next_below(in->low + width);
    in->narrowed = search_in(&in->search, in->low, in->high, &over);
}

/* Pass after pass over all inputs: in one input each waits for what the last has found and stored;
 * side by side that takes two thirds of the time. */
static void topk_side(const struct topk *t, size_t count)
{
    const size_t many = count > 1 ? MANY : MANY_ALONE;
    struct input all[MIDL_TOPK_SIDE];
    float low, high;
    guess_window(t->guess, t->n, t->k, &low, &high);
    for (size_t b = 0; b < count; b++)
        input_start(t, b, &all[b]);
    for (size_t b = 0; b < count; b++)
        if (all[b].guessed)
            input_guess(&all[b], low, high);
    for (size_t b = 0; b < count; b++)
        if (all[b].narrowed && all[b].search.n > many)
            search_even(&all[b].search, all[b].low, all[b].high);
    for (size_t b = 0; b < count; b++)
        if (t->to.ranked[b])
            all[b].cut = search_end(&all[b].search);
    for (size_t b = 0; b < count; b++) {
        const struct input *in = &all[b];
        const struct place to = place_of(t, b);
        if (in->guessed)
            guess_learn(t->guess, low, high, (in->cut.value - in->mean) / in->deviation);
        if (t->to.ranked[b])
            write_chosen(t->n, t->values + b * t->n, &in->cut, &to);
    }
}

/* Nothing is sought: none or all are chosen. */
static void topk_trivial(const struct topk *t, size_t count)
{
    for (size_t b = 0; b < count; b++) {
        const float *values = t->values + b * t->n;
        const struct place to = place_of(t, b);
        float mean, deviation;
        mean_and_deviation(t->n, values, &mean, &deviation);
        t->to.ranked[b] = !isnan(deviation);
        if (t->k > 0)
            write_all(t->n, values, &to);
        else
            memset(to.bits, 0, MIDL_BITS(t->n));
    }
}

/* At most MIDL_TOPK_SIDE inputs. */
static void topk_some(const struct topk *t, size_t count)
{
    if (t->k == 0 || t->k == t->n)
        topk_trivial(t, count);
    else
        topk_side(t, count);
}

static size_t some_of(size_t count)
{
    return smaller(count, MIDL_TOPK_SIDE);
}

/* From input b on. */
static struct topk topk_from(size_t b, size_t n, size_t k, const float *values,
                             struct midl_topk_guess *guess, float *work,
                             const struct midl_chosen *ret)
{
    return (struct topk){.n = n,
                         .k = k,
                         .values = values + b * n,
                         .guess = guess,
                         .work = work,
                         .to = {ret->index + b * k, ret->value + b * k,
                                ret->bits + b * MIDL_BITS(n), ret->ranked + b},
                         .stride = k,
                         .bytes = MIDL_BITS(n)};
}

void simd_topk(size_t count, size_t n, size_t k, const float *values, struct midl_topk_guess *guess,
               float *work, const struct midl_chosen *ret)
{
    for (size_t b = 0; b < count; b += MIDL_TOPK_SIDE) {
        struct topk t = topk_from(b, n, k, values, guess, work, ret);
        topk_some(&t, some_of(count - b));
    }
}

/* ---- By a threshold ------------------------------------------------------------------------ */

/* How many values are at least `least`; whether one is NaN. */
static size_t count_at_least(size_t n, const float *values, float least, bool *ret_nan)
{
    lanes counts = {0}, numbers = {0};
    const vec l = vec_set(least);
    size_t i = 0;
    for (; i + VEC_LANES <= n; i += VEC_LANES) {
        vec v = vec_once(vec_load(values + i));
        counts = lanes_count_at_least(counts, v, l);
        numbers = lanes_count_at_least(numbers, v, v);
    }
    size_t count = lanes_sum(counts), known = lanes_sum(numbers);
    for (; i < n; i++) {
        count += (size_t)(values[i] >= least);
        known += (size_t)(values[i] == values[i]);
    }
    *ret_nan = known < n;
    return count;
}

size_t simd_at_least(size_t n, size_t k, float least, const float *values,
                     const struct midl_chosen *ret)
{
    const struct place to = {k, ret->index, ret->value, ret->bits};
    bool nan;
    size_t count = count_at_least(n, values, least, &nan);
    ret->ranked[0] = !nan;
    if (count > k)
        return count;
    memset(to.bits, 0, MIDL_BITS(n));
    if (count > 0)
        write_at_least(0, n, values, vec_set(least), 0, &to);
    return count;
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

/* Replace ascending block numbers in front of the index by the neurons of these blocks, from the
 * last on. */
VEC_INLINE void expand_blocks(size_t n, size_t block, const float *values, const struct place *to)
{
    const size_t step = block < VEC_LANES ? block : VEC_LANES;
    const lanes numbers = lanes_from(0);
    memset(to->bits, 0, MIDL_BITS(n));
    for (size_t i = to->k / block; i-- > 0;) {
        uint32_t first = to->index[i] * (uint32_t)block;
        memcpy(to->value + i * block, values + first, block * sizeof *values);
        memset(to->bits + first / 8, 0xff, block / 8);
        for (size_t j = 0; j < block; j += step) {
            lanes at = numbers + (int32_t)(first + j);
            memcpy(to->index + i * block + j, &at, step * sizeof *to->index);
        }
    }
}

/* At most MIDL_TOPK_SIDE inputs, whose sums lie in front of the rest of the workspace. */
VEC_INLINE void topk_blocks_some(const struct topk *t, size_t count, size_t block)
{
    struct topk sums = *t;
    sums.n /= block;
    sums.k /= block;
    sums.values = t->work;
    sums.work += count * sums.n;
    for (size_t b = 0; b < count; b++)
        block_sums(sums.n, block, t->values + b * t->n, t->work + b * sums.n);
    topk_some(&sums, count);
    for (size_t b = 0; b < count; b++) {
        const struct place to = place_of(t, b);
        if (t->to.ranked[b])
            expand_blocks(t->n, block, t->values + b * t->n, &to);
    }
}

void simd_topk_blocks(size_t count, size_t n, size_t k, size_t block, const float *values,
                      struct midl_topk_guess *guess, float *work, const struct midl_chosen *ret)
{
    for (size_t b = 0; b < count; b += MIDL_TOPK_SIDE) {
        struct topk t = topk_from(b, n, k, values, guess, work, ret);
        if (block == 16)
            topk_blocks_some(&t, some_of(count - b), 16);
        else
            topk_blocks_some(&t, some_of(count - b), block);
    }
}
