/* test_guard.c [SET [SHAPES]] - no call touches a float that isn't its own: every array of every
 * call, x, y and all weights, lies flush against a page that can't be read, once with its end and
 * once with its beginning. At awkward shapes, for every variant, dtype, gate and selection of an
 * instruction set (SET: portable, neon, avx2, avx512; else all that run here), with the libraries
 * that a yardstick calls held to the same set. Without SHAPES a few; CI takes 2500. */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/rng.h"
#include "guard.h"
#include "midl.h"
#include "midl_config.h"
#include "oracle.h"

#if MIDL_HAVE_BLIS
#if MIDL_BLIS_IN_FOLDER
#include <blis/blis.h>
#else
#include <blis.h>
#endif
#endif

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { POOL = 1 << 20, MOST_FLOATS = 1 << 20, FAULT_STATUS = 7, QUICK_SHAPES = 40 };

/* ---- What is under way ----------------------------------------------------------------------- */

static char under_way[512];

/* The line was made before: nothing but write() is safe here. */
static void on_fault(int number)
{
    ssize_t written = write(STDERR_FILENO, under_way, strlen(under_way));
    (void)number;
    (void)written;
    _exit(FAULT_STATUS);
}

static void catch_faults(void)
{
    struct sigaction action = {.sa_handler = on_fault};
    sigemptyset(&action.sa_mask);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
}

/* ---- Arrays ---------------------------------------------------------------------------------- */

enum { X, Y, W, B, V, U, C, G, Q, P, H, ARRAYS };

struct work {
    struct guard guards[ARRAYS];
    float
        *pool; /* [POOL + MOST_FLOATS] random numbers: an array takes some that follow each other */
    struct rng rng;
    size_t calls, refused;
};

static size_t length_of(const struct midl_shape *s, size_t batch, int array)
{
    size_t lengths[ARRAYS] = {
        [X] = batch * s->d, [Y] = batch * s->n, [W] = s->n * s->d, [B] = s->n,
        [V] = s->r * s->d,  [U] = s->n * s->r,  [C] = s->n,        [H] = s->n};
    lengths[G] = s->gate == MIDL_GATE_FULL ? s->n * s->d : 0;
    lengths[Q] = s->gate == MIDL_GATE_LOWRANK ? s->rg * s->d : 0;
    lengths[P] = s->gate == MIDL_GATE_LOWRANK  ? s->n * s->rg
                 : s->gate == MIDL_GATE_SHARED ? s->n * s->r
                                               : 0;
    return lengths[array];
}

/* Place all arrays of one call, y as NaN. An array that this layer hasn't is NULL. */
static struct midl_layer place(struct work *work, const struct midl_shape *shape, size_t batch,
                               bool at_end, const float **ret_x, float **ret_y)
{
    float *arrays[ARRAYS];
    for (int i = 0; i < ARRAYS; i++) {
        size_t length = length_of(shape, batch, i);
        const float *data = work->pool + rng_below(&work->rng, POOL);
        arrays[i] =
            length ? guard_place(&work->guards[i], i == Y ? NULL : data, length, at_end) : NULL;
    }
    *ret_x = arrays[X];
    *ret_y = arrays[Y];
    return (struct midl_layer){.shape = *shape,
                               .full_weight = arrays[W],
                               .full_bias = arrays[B],
                               .light_down = arrays[V],
                               .light_up = arrays[U],
                               .light_bias = arrays[C],
                               .gate_weight = arrays[G],
                               .gate_down = arrays[Q],
                               .gate_up = arrays[P],
                               .gate_bias = arrays[H]};
}

/* ---- One call -------------------------------------------------------------------------------- */

struct call {
    struct midl_shape shape;
    size_t batch, max_batch;
    int threads;
    bool at_end;
};

static void note(const struct call *call, const char *name, enum midl_dtype dtype)
{
    const struct midl_shape *s = &call->shape;
    snprintf(under_way, sizeof under_way,
             "%s %s touches what isn't its own: d=%zu n=%zu k=%zu r=%zu rg=%zu gate=%s select=%s "
             "block=%zu "
             "batch=%zu of %zu threads=%d, arrays flush at their %s\n",
             name, midl_dtype_name(dtype), s->d, s->n, s->k, s->r, s->rg, midl_gate_name(s->gate),
             midl_select_name(s->select), s->block, call->batch, call->max_batch, call->threads,
             call->at_end ? "end" : "beginning");
}

static bool all_finite(const float *y, size_t count)
{
    size_t finite = 0;
    for (size_t i = 0; i < count; i++)
        finite += isfinite(y[i]) != 0;
    return finite == count;
}

/* True if the variant refused with a reason, or ran and wrote every output. */
static bool run_variant(struct work *work, const struct call *call,
                        const struct midl_variant *variant)
{
    struct midl_plan_options options = {.variant = midl_variant_name(variant),
                                        .dtype = midl_variant_dtype(variant),
                                        .max_batch = call->max_batch,
                                        .threads = call->threads};
    struct midl_plan *plan = NULL;
    char reason[MIDL_REASON_SIZE] = "";
    const float *x;
    float *y;
    struct midl_layer layer = place(work, &call->shape, call->batch, call->at_end, &x, &y);
    note(call, options.variant, options.dtype);
    enum midl_status status = midl_plan_create(&layer, &options, &plan, reason);
    if (status == MIDL_UNAVAILABLE && reason[0] != '\0') {
        work->refused++;
        return true;
    }
    bool ok = status == MIDL_OK && midl_run(plan, call->batch, x, y) == MIDL_OK &&
              all_finite(y, call->batch * call->shape.n);
    midl_plan_destroy(plan);
    work->calls++;
    if (!ok)
        fprintf(stderr, "%.*s: wrong (%s)\n", (int)strlen(under_way) - 1, under_way,
                status == MIDL_OK ? "outputs missing or made of numbers of others" : reason);
    return ok;
}

static bool run_oracle(struct work *work, const struct call *call)
{
    struct midl_oracle *oracle = NULL;
    const float *x;
    float *y;
    struct midl_layer layer = place(work, &call->shape, call->batch, call->at_end, &x, &y);
    note(call, "the oracle", MIDL_F32);
    bool ok = midl_oracle_create(&layer, call->batch, x, &oracle) == MIDL_OK;
    midl_oracle_destroy(oracle);
    return ok;
}

/* ---- Shapes ---------------------------------------------------------------------------------- */

/* Small, or beside a multiple of what kernels take at once, or long. */
static size_t awkward(struct rng *rng, size_t most)
{
    static const size_t steps[] = {8, 16, 32, 48, 64, 128, 256, 512, 1024};
    size_t length = 1 + rng_below(rng, 40);
    while (rng_below(rng, 5) < 3 && length <= 40)
        length = steps[rng_below(rng, COUNT(steps))] + 3 - rng_below(rng, 7);
    return length <= most ? length : 1 + length % most;
}

/* A call by its number: the first is where BLIS 0.9.0 read beyond the arrays. */
static struct call call_of(size_t number, struct rng *rng)
{
    static const int threads[] = {1, 1, 1, 2, 1, 1, 1, 3};
    size_t most = number % 8 ? 140 : 1100; /* large ones take their time */
    struct call call = {.threads = MIDL_HAVE_OPENMP ? threads[number % COUNT(threads)] : 1};
    struct midl_shape *s = &call.shape;
    call.max_batch = rng_below(rng, 6) == 0 ? awkward(rng, 70) : 1 + rng_below(rng, 9);
    s->d = awkward(rng, most);
    s->n = awkward(rng, s->d > 200 ? 300 : most);
    s->r = awkward(rng, 35);
    s->rg = awkward(rng, 35);
    if (number == 0) {
        call.max_batch = 7;
        s->d = 1023;
        s->n = 256;
    }
    call.batch = rng_below(rng, 3) ? call.max_batch : 1 + rng_below(rng, (uint32_t)call.max_batch);
    return call;
}

/* One of the four rules that select, and how many it selects. */
static void set_rule(struct midl_shape *s, size_t rule, struct rng *rng)
{
    static const enum midl_select selects[] = {MIDL_SELECT_TOPK, MIDL_SELECT_THRESHOLD,
                                               MIDL_SELECT_BLOCK, MIDL_SELECT_BLOCK};
    static const size_t blocks[] = {0, 0, 8, 16};
    size_t unit = blocks[rule] ? blocks[rule] : 1;
    s->select = selects[rule];
    s->block = blocks[rule];
    s->threshold = rule == 1 ? 0.25f : 0;
    s->n = (s->n + unit - 1) / unit * unit;
    const size_t k[] = {0, unit, s->n / 3 / unit * unit, s->n / 2 / unit * unit, s->n};
    s->k = k[rng_below(rng, COUNT(k))];
}

enum { RULES = 4, GATES = 3 };

/* One shape: each variant under each rule, and the oracle. The gates, shared by all variants, take
 * turns among these. */
static bool try_shape(struct work *work, size_t number, enum midl_isa set)
{
    struct call call = call_of(number, &work->rng);
    size_t n = call.shape.n;
    bool ok = true;
    for (size_t i = 0; i < 2 * midl_variant_count() && ok; i++) {
        const struct midl_variant *variant = midl_variant_at(i / 2);
        enum midl_isa isa = midl_variant_isa(variant);
        bool linear = midl_variant_is_linear(variant);
        call.at_end = i % 2;
        if ((isa != set && isa != MIDL_ISA_GENERIC) || midl_variant_unavailable(variant))
            continue;
        for (size_t rule = 0; rule < (linear ? 1 : RULES) && ok; rule++) {
            call.shape.n = n;
            call.shape.gate = (enum midl_gate)((number + i + rule) % GATES);
            call.shape.unselected = (enum midl_unselected)((number + i / 2) % 2);
            set_rule(&call.shape, rule, &work->rng);
            ok = run_variant(work, &call, variant);
        }
    }
    for (int at_end = 0; at_end < 2 && ok; at_end++) {
        call.at_end = at_end;
        ok = run_oracle(work, &call);
    }
    return ok;
}

/* ---- The guards themselves ------------------------------------------------------------------- */

/* The exit status of a child that reads float `at` of an array of three. */
static int status_of_reader(int at, bool at_end)
{
    struct guard guard;
    fflush(NULL);
    pid_t child = fork();
    int status = 0;
    if (child == 0) {
        under_way[0] = '\0';
        if (!guard_create(1, &guard))
            _exit(3);
        const volatile float *array = guard_place(&guard, (const float[]){1, 2, 3}, 3, at_end);
        float value = array[at];
        _exit(isnan(value) ? 2 : 0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        return -1;
    return WEXITSTATUS(status);
}

static bool guards_work(void)
{
    bool ok = status_of_reader(2, true) == 0 && status_of_reader(3, true) == FAULT_STATUS &&
              status_of_reader(-1, true) == 2 && status_of_reader(0, false) == 0 &&
              status_of_reader(-1, false) == FAULT_STATUS && status_of_reader(3, false) == 2;
    if (!ok)
        fprintf(stderr, "the guards let a reader pass\n");
    return ok;
}

/* ---- Sets ------------------------------------------------------------------------------------ */

/* Libraries read what they may use when they are loaded: this program starts itself once more.
 * What is in the environment already stays. */
static void hold_libraries(enum midl_isa set, char **argv)
{
#if defined(__x86_64__)
    bool narrow = set == MIDL_ISA_AVX2;
    char blis[16] = "";
    if (set == MIDL_ISA_AVX512 || getenv("MIDL_GUARD_SET"))
        return;
#if MIDL_HAVE_BLIS
    snprintf(blis, sizeof blis, "%d", (int)(narrow ? BLIS_ARCH_HASWELL : BLIS_ARCH_PENRYN));
#endif
    setenv("OPENBLAS_CORETYPE", narrow ? "Haswell" : "Prescott", 0);
    setenv("DNNL_MAX_CPU_ISA", narrow ? "AVX2" : "SSE41", 0);
    setenv("BLIS_ARCH_TYPE", blis, 0);
    setenv("MIDL_GUARD_SET", midl_isa_name(set), 1);
    execv("/proc/self/exe", argv);
    perror("test_guard: cannot start itself once more");
    exit(3);
#else
    (void)set;
    (void)argv;
#endif
}

static bool work_create(struct work *ret)
{
    *ret = (struct work){.rng = rng_seed(17), .pool = malloc((POOL + MOST_FLOATS) * sizeof(float))};
    bool ok = ret->pool != NULL;
    for (size_t i = 0; ok && i < POOL + MOST_FLOATS; i++)
        ret->pool[i] = 0.25f * rng_bell(&ret->rng);
    for (size_t i = 0; ok && i < ARRAYS; i++)
        ok = guard_create(MOST_FLOATS * sizeof(float), &ret->guards[i]);
    return ok;
}

static void work_destroy(struct work *work)
{
    for (size_t i = 0; i < ARRAYS; i++)
        guard_destroy(&work->guards[i]);
    free(work->pool);
}

static bool try_set(enum midl_isa set, size_t shapes)
{
    struct work work;
    size_t number = 0;
    bool ok = work_create(&work);
    midl_isa_limit(set);
    for (; ok && number < shapes; number++)
        ok = try_shape(&work, number, set);
    printf("%s: %zu shapes, %zu calls, %zu refused with a reason\n", midl_isa_name(set), number,
           work.calls, work.refused);
    work_destroy(&work);
    return ok;
}

int main(int argc, char **argv)
{
    enum midl_isa set = midl_isa_best();
    size_t shapes = argc > 2 ? strtoul(argv[2], NULL, 10) : QUICK_SHAPES;
    if (argc > 1 && (!midl_isa_parse(argv[1], &set) || shapes == 0)) {
        fprintf(stderr, "usage: test_guard [portable|neon|avx2|avx512 [SHAPES]]\n");
        return 2;
    }
    if (!midl_isa_available(set)) {
        printf("skipped: no %s here\n", midl_isa_name(set));
        return 77;
    }
    hold_libraries(set, argv);
    catch_faults();
    return guards_work() && try_set(set, shapes) ? 0 : 1;
}
