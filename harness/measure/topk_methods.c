/* topk_methods.c - the methods of `midl select`, their data and their check. */
#include "measure/topk_methods.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "simd/ops.h"

static_assert(SELECTION_WORK(65) * sizeof(float) >=
                  MIDL_TOPK_WORK(65) * sizeof(float) + MIDL_BITS(65),
              "the library's own selection has room");

/* It writes what it chose as bits, too, which no rival does. Nothing is known from other inputs, as
 * the rivals know nothing: in a layer, inputs of a batch tell each other where to search. */
static bool run_topk(enum midl_isa isa, const struct selection *s)
{
    struct midl_topk_guess guess = {0};
    bool ranked;
    const struct midl_chosen chosen = {.index = s->index,
                                       .value = s->chosen,
                                       .bits = (uint8_t *)(s->work + MIDL_TOPK_WORK(s->n)),
                                       .ranked = &ranked};
    midl_simd_ops_of(isa)->topk(1, s->n, s->k, s->values, &guess, s->work, &chosen);
    return ranked;
}

/* ---- Rivals -------------------------------------------------------------------------------- */

/* All above `cut` and the first few equal to it; no branch depends on a value. */
static bool write_from(float cut, const struct selection *s)
{
    size_t above = 0, written = 0;
    for (size_t i = 0; i < s->n; i++)
        above += s->values[i] > cut;
    size_t ties = s->k - above;
    for (size_t i = 0; written < s->k; i++) {
        size_t equal = (size_t)(s->values[i] == cut) & (size_t)(ties > 0);
        s->index[written] = (uint32_t)i;
        s->chosen[written] = s->values[i];
        written += (size_t)(s->values[i] > cut) + equal;
        ties -= equal;
    }
    return true;
}

static void swap(float *a, float *b)
{
    float kept = *a;
    *a = *b;
    *b = kept;
}

static void sift_down(float *heap, size_t count, size_t at)
{
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        child += child + 1 < count && heap[child + 1] < heap[child];
        if (!(heap[child] < heap[at]))
            return;
        swap(&heap[child], &heap[at]);
    }
}

/* The rank-th largest: the root of a heap of the rank largest so far, smallest on top, in front of
 * values [n] itself. */
static float heap_rank(size_t n, size_t rank, float *values)
{
    for (size_t i = rank / 2; i-- > 0;)
        sift_down(values, rank, i);
    for (size_t i = rank; i < n; i++)
        if (values[i] > values[0]) {
            values[0] = values[i];
            sift_down(values, rank, 0);
        }
    return values[0];
}

/* Select by the smaller of two heaps: of the k largest, or of the n - k + 1 smallest. */
static bool run_heap(enum midl_isa isa, const struct selection *s)
{
    size_t smallest = s->n - s->k + 1;
    bool turned = smallest < s->k;
    float sign = turned ? -1.0f : 1.0f;
    (void)isa;
    for (size_t i = 0; i < s->n; i++)
        s->work[i] = sign * s->values[i];
    return write_from(sign * heap_rank(s->n, turned ? smallest : s->k, s->work), s);
}

static float median3(float a, float b, float c)
{
    float low = a < b ? a : b, high = a < b ? b : a;
    return c < low ? low : c > high ? high : c;
}

/* values [low, high) in descending order. */
static void insertion_sort(float *values, size_t low, size_t high)
{
    for (size_t i = low + 1; i < high; i++)
        for (size_t j = i; j > low && values[j] > values[j - 1]; j--)
            swap(&values[j], &values[j - 1]);
}

/* As std::nth_element goes about it: quickselect by the median of three, a heap where that takes
 * too many rounds, insertion when few are left. */
static float intro_rank(size_t n, size_t rank, float *values)
{
    size_t low = 0, high = n, target = rank - 1, rounds = 0;
    for (size_t i = n; i > 0; i /= 2)
        rounds += 2;
    while (high - low > 3) {
        if (rounds-- == 0)
            return heap_rank(high - low, target - low + 1, values + low);
        float pivot = median3(values[low], values[low + (high - low) / 2], values[high - 1]);
        size_t i = low, j = high; /* [low, i) >= pivot, [j, high) <= pivot */
        while (i < j) {
            while (values[i] > pivot)
                i++;
            while (values[j - 1] < pivot)
                j--;
            if (i < j)
                swap(&values[i++], &values[--j]);
        }
        if (target < j)
            high = j;
        else if (target >= i)
            low = i;
        else
            return pivot;
    }
    insertion_sort(values, low, high);
    return values[target];
}

static bool run_introselect(enum midl_isa isa, const struct selection *s)
{
    (void)isa;
    memcpy(s->work, s->values, s->n * sizeof *s->work);
    return write_from(intro_rank(s->n, s->k, s->work), s);
}

static int descending(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x < y) - (x > y);
}

static bool run_sort(enum midl_isa isa, const struct selection *s)
{
    (void)isa;
    memcpy(s->work, s->values, s->n * sizeof *s->work);
    qsort(s->work, s->n, sizeof *s->work, descending);
    return write_from(s->work[s->k - 1], s);
}

/* Floats as unsigned integers of the same order, and back. */
static uint32_t key_of(float value)
{
    uint32_t bits;
    value += 0.0f; /* -0 to +0 */
    memcpy(&bits, &value, sizeof bits);
    return bits ^ (bits >> 31 ? UINT32_MAX : 0x80000000u);
}

static float value_of(uint32_t key)
{
    float value;
    key ^= key >> 31 ? 0x80000000u : UINT32_MAX;
    memcpy(&value, &key, sizeof value);
    return value;
}

/* One byte of the answer's key: the bucket that holds the rank-th largest; the keys in it move to
 * the front. */
static size_t radix_step(uint32_t *keys, size_t count, int shift, size_t *rank)
{
    uint32_t histogram[256] = {0}, bucket = 255;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        histogram[keys[i] >> shift & 255]++;
    for (; *rank > histogram[bucket]; bucket--)
        *rank -= histogram[bucket];
    for (size_t i = 0; i < count; i++) {
        uint32_t key = keys[i];
        keys[kept] = key;
        kept += (key >> shift & 255) == bucket;
    }
    return kept;
}

static bool run_radix(enum midl_isa isa, const struct selection *s)
{
    uint32_t *keys = (uint32_t *)(void *)s->work;
    size_t count = s->n, rank = s->k;
    (void)isa;
    for (size_t i = 0; i < s->n; i++)
        keys[i] = key_of(s->values[i]);
    for (int shift = 24; shift >= 0 && count > 1; shift -= 8)
        count = radix_step(keys, count, shift, &rank);
    return write_from(value_of(keys[0]), s);
}

const struct selection_method *selection_methods(size_t *ret_count)
{
    static const struct selection_method all[] = {
        {"topk", "the library's", MIDL_ISA_AVX512, run_topk},
        {"topk", "the library's", MIDL_ISA_AVX2, run_topk},
        {"topk", "the library's", MIDL_ISA_NEON, run_topk},
        {"topk", "the library's", MIDL_ISA_PORTABLE, run_topk},
        {"introselect", "as std::nth_element", MIDL_ISA_GENERIC, run_introselect},
        {"radix", "histograms of the bytes of order-preserving keys", MIDL_ISA_GENERIC, run_radix},
        {"heap", "a bounded binary heap", MIDL_ISA_GENERIC, run_heap},
        {"sort", "qsort of all", MIDL_ISA_GENERIC, run_sort}};
    static struct selection_method here[sizeof all / sizeof all[0]];
    size_t count = 0;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i].isa == MIDL_ISA_GENERIC || midl_simd_ops_of(all[i].isa))
            here[count++] = all[i];
    *ret_count = count;
    return here;
}

/* ---- Data ---------------------------------------------------------------------------------- */

static float draw_normal(struct rng *rng, size_t i)
{
    (void)i;
    return (float)rng_normal(rng);
}

static float draw_uniform(struct rng *rng, size_t i)
{
    (void)i;
    return (float)rng_uniform(rng);
}

static float draw_skewed(struct rng *rng, size_t i) /* a third stands apart, as in layer skewed */
{
    return (float)rng_normal(rng) + (i * 7 % 3 == 0 ? 3.0f : 0.0f);
}

static float draw_heavy(struct rng *rng, size_t i)
{
    (void)i;
    return (float)exp(2 * rng_normal(rng));
}

static float draw_ties(struct rng *rng, size_t i)
{
    (void)i;
    return (float)rng_below(rng, 16);
}

static float draw_two(struct rng *rng, size_t i)
{
    (void)i;
    return rng_below(rng, 2) ? 1.0f : -1.0f;
}

static float draw_sorted(struct rng *rng, size_t i)
{
    (void)rng;
    return (float)i;
}

bool selection_fill(const char *fill, struct rng *rng, size_t n, float *values)
{
    static const struct {
        const char *name;
        float (*draw)(struct rng *rng, size_t i);
    } fills[] = {{"normal", draw_normal}, {"uniform", draw_uniform}, {"skewed", draw_skewed},
                 {"heavy", draw_heavy},   {"ties", draw_ties},       {"two", draw_two},
                 {"sorted", draw_sorted}};
    for (size_t f = 0; f < sizeof fills / sizeof fills[0]; f++)
        if (strcmp(fill, fills[f].name) == 0) {
            for (size_t i = 0; i < n; i++)
                values[i] = fills[f].draw(rng, i);
            return true;
        }
    return false;
}

/* ---- The check ----------------------------------------------------------------------------- */

struct ranked {
    float value;
    uint32_t index;
};

static int by_value_then_index(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->value != y->value)
        return x->value > y->value ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

static int by_index(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

bool selection_expected(size_t n, size_t k, const float *values, uint32_t *index)
{
    struct ranked *all = malloc(n * sizeof *all);
    if (!all)
        return false;
    for (size_t i = 0; i < n; i++)
        all[i] = (struct ranked){values[i], (uint32_t)i};
    qsort(all, n, sizeof *all, by_value_then_index);
    for (size_t i = 0; i < k; i++)
        index[i] = all[i].index;
    qsort(index, k, sizeof *index, by_index);
    free(all);
    return true;
}

bool selection_agrees(const struct selection_method *method, const struct selection *call,
                      const uint32_t *expected)
{
    const float guard = 0x1.2345p100f;
    memset(call->index, 0xff, (call->k + 1) * sizeof *call->index);
    call->chosen[call->k] = guard;
    bool ok = method->run(method->isa, call);
    ok = ok && memcmp(call->index, expected, call->k * sizeof *expected) == 0 &&
         call->index[call->k] == UINT32_MAX && call->chosen[call->k] == guard;
    for (size_t i = 0; i < call->k && ok; i++)
        ok = call->chosen[i] == call->values[expected[i]];
    return ok;
}

/* ---- The selection of a layer ---------------------------------------------------------------- */

enum { CHUNK = 48 }; /* inputs that a layer searches at a time, at most */

struct selection_batch {
    struct midl_shape shape;
    size_t batch;
    const float *logits;
    float *work, *chosen;
    uint32_t *index;
    uint8_t *bits;
    bool *ranked;
};

struct selection_batch *selection_batch_create(const struct midl_shape *shape, size_t batch,
                                               const float *logits)
{
    struct selection_batch *s =
        shape->select == MIDL_SELECT_THRESHOLD ? NULL : calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->shape = *shape;
    s->batch = batch;
    s->logits = logits;
    s->work = array_aligned(MIDL_TOPK_WORK(shape->n), sizeof *s->work);
    s->chosen = array_aligned(batch * shape->k + 64, sizeof *s->chosen);
    s->index = array_aligned(batch * shape->k + 64, sizeof *s->index);
    s->bits = array_aligned(batch * MIDL_BITS(shape->n) + 64, sizeof *s->bits);
    s->ranked = array_aligned(batch, sizeof *s->ranked);
    if (s->work && s->chosen && s->index && s->bits && s->ranked)
        return s;
    selection_batch_destroy(s);
    return NULL;
}

void selection_batch_run(void *selection)
{
    struct selection_batch *s = selection;
    const struct simd_ops *ops = midl_simd_ops_of(midl_isa_best());
    size_t n = s->shape.n, k = s->shape.k;
    struct midl_topk_guess guess = {0};
    for (size_t first = 0; first < s->batch; first += CHUNK) {
        size_t count = s->batch - first < CHUNK ? s->batch - first : CHUNK;
        const struct midl_chosen chosen = {.index = s->index + first * k,
                                           .value = s->chosen + first * k,
                                           .bits = s->bits + first * MIDL_BITS(n),
                                           .ranked = s->ranked + first};
        if (s->shape.select == MIDL_SELECT_BLOCK)
            ops->topk_blocks(count, n, k, s->shape.block, s->logits + first * n, &guess, s->work,
                             &chosen);
        else
            ops->topk(count, n, k, s->logits + first * n, &guess, s->work, &chosen);
    }
}

const uint32_t *selection_batch_index(const struct selection_batch *selection)
{
    return selection->index;
}

void selection_batch_destroy(struct selection_batch *selection)
{
    if (!selection)
        return;
    free(selection->work);
    free(selection->chosen);
    free(selection->index);
    free(selection->bits);
    free(selection->ranked);
    free(selection);
}
