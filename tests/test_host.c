/* test_host.c - a library that is not alone in its process: the host program's numbers of threads
 * and mode of computing are left as they were and change no result, a forked child's plans run, and
 * no locale changes what is read or written. */
#define _GNU_SOURCE /* feenableexcept */
#include <fenv.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/folder.h"
#include "blas.h"
#include "calibration.h"
#include "gradients.h"
#include "host.h"
#include "midl.h"
#include "verify/problem.h"

#if defined(_OPENMP)
#include <omp.h>
#endif

#include <cmocka.h> /* last: it has a macro fail() */

enum { BATCH = 9, MOST = 256 };

static const struct midl_shape shape = {
    .d = 40, .n = 96, .r = 3, .rg = 5, .k = 43, .gate = MIDL_GATE_LOWRANK};

/* Whole numbers: every variant and number of threads gives the same bits. */
static struct problem make_problem(void)
{
    struct problem problem;
    struct error error;
    assert_int_equal(problem_random(&shape, BATCH, 1, FILL_INTEGER, &problem, &error),
                     OUTCOME_DONE);
    return problem;
}

/* NULL where the variant can't have these threads, or doesn't serve the shape. */
static struct midl_plan *make_plan(const struct problem *problem,
                                   const struct midl_variant *variant, int threads)
{
    char reason[MIDL_REASON_SIZE];
    struct midl_plan *plan = NULL;
    struct midl_plan_options options = {.variant = midl_variant_name(variant),
                                        .dtype = midl_variant_dtype(variant),
                                        .max_batch = BATCH,
                                        .threads = threads};
    return midl_plan_create(&problem->layer, &options, &plan, reason) == MIDL_OK ? plan : NULL;
}

/* ---- Numbers of threads --------------------------------------------------------------------- */

struct settings {
    int openmp, openblas;
};

static struct settings settings_get(void)
{
    struct settings now = {0, 0};
#if defined(_OPENMP)
    now.openmp = omp_get_max_threads();
#endif
#if MIDL_HAVE_OPENBLAS
    now.openblas = openblas_get_num_threads();
#endif
    return now;
}

/* What this build lacks stays 0. */
static struct settings settings_make(int openmp, int openblas)
{
    (void)openmp;
    (void)openblas;
#if MIDL_HAVE_OPENBLAS
    openblas_set_num_threads(openblas);
#endif
#if defined(_OPENMP)
    omp_set_num_threads(openmp);
#endif
    return settings_get();
}

static void expect_settings(struct settings expected, const char *name, const char *after)
{
    struct settings now = settings_get();
    if (now.openmp != expected.openmp || now.openblas != expected.openblas)
        fail_msg("%s: after %s OpenMP has %d and OpenBLAS %d threads, before %d and %d", name,
                 after, now.openmp, now.openblas, expected.openmp, expected.openblas);
}

static void expect_kept(const struct problem *problem, const struct midl_variant *variant,
                        int threads, struct settings expected, size_t *ran)
{
    static const size_t batches[] = {1, BATCH};
    static float y[BATCH * 96];
    const char *name = midl_variant_name(variant);
    struct midl_plan *plan = make_plan(problem, variant, threads);
    expect_settings(expected, name, "planning");
    for (size_t i = 0; plan && i < 2; i++) {
        assert_int_equal(midl_run(plan, batches[i], problem->x, y), MIDL_OK);
        expect_settings(expected, name, "a run");
    }
    *ran += plan != NULL;
    midl_plan_destroy(plan);
    expect_settings(expected, name, "the end");
}

static void runs_leave_numbers_of_threads(void **state)
{
    static const int numbers[][2] = {{1, 1}, {3, 2}, {2, 1}, {1, 2}, {5, 4}};
    const struct settings before = settings_get();
    struct problem problem = make_problem();
    size_t ran = 0;
    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct settings expected = settings_make(numbers[i][0], numbers[i][1]);
        for (size_t v = 0; v < midl_variant_count(); v++)
            for (int threads = 1; threads <= 3; threads++)
                expect_kept(&problem, midl_variant_at(v), threads, expected, &ran);
    }
    assert_true(ran > 0);
    settings_make(before.openmp, before.openblas);
    problem_clear(&problem);
}

static void trainings_leave_numbers_of_threads(void **state)
{
    const struct settings before = settings_get(), expected = settings_make(3, 2);
    struct problem problem = make_problem();
    static float y[BATCH * 96], dx[BATCH * 40], dW[96 * 40];
    struct midl_gradients gradients = {.full_weight = dW};
    (void)state;
    for (int threads = 1; threads <= 2; threads++) {
        char reason[MIDL_REASON_SIZE];
        struct midl_training *training = NULL;
        struct midl_training_options options = {
            .rule = MIDL_RULE_STE, .max_batch = BATCH, .threads = threads};
        if (midl_training_create(&shape, &options, &training, reason) != MIDL_OK)
            continue; /* built without threads */
        midl_training_forward(training, &problem.layer, BATCH, problem.x, y);
        expect_settings(expected, "a training", "the forward pass");
        midl_training_backward(training, &problem.layer, BATCH, problem.x, y, dx, &gradients);
        expect_settings(expected, "a training", "the backward pass");
        midl_training_destroy(training);
    }
    settings_make(before.openmp, before.openblas);
    problem_clear(&problem);
}

struct caller {
    const struct problem *problem;
    int threads;
};

/* Some hundred runs of a plan that calls OpenBLAS. */
static void *call_often(void *data)
{
    const struct caller *caller = data;
    float *y = malloc(BATCH * shape.n * sizeof *y);
    struct midl_plan *plan =
        make_plan(caller->problem, midl_variant_find("linear", MIDL_F32), caller->threads);
    for (int i = 0; plan && y && i < 300; i++)
        midl_run(plan, 1 + (size_t)i % BATCH, caller->problem->x, y);
    midl_plan_destroy(plan);
    free(y);
    return NULL;
}

/* Threads of the host whose runs overlap, and want different numbers. */
static void overlapping_runs_leave_numbers_of_threads(void **state)
{
    const struct settings before = settings_get(), expected = settings_make(3, 4);
    struct problem problem = make_problem();
    struct caller callers[] = {{&problem, 1}, {&problem, 2}, {&problem, 1}};
    pthread_t ids[3];
    (void)state;
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&ids[i], NULL, call_often, &callers[i]), 0);
    for (size_t i = 0; i < 3; i++)
        pthread_join(ids[i], NULL);
    expect_settings(expected, "linear", "runs that overlap");
    settings_make(before.openmp, before.openblas);
    problem_clear(&problem);
}

/* ---- Forks ---------------------------------------------------------------------------------- */

struct family {
    struct problem problem;
    struct midl_plan *plans[MOST]; /* of two threads, or NULL */
    float *y;                      /* [MOST][BATCH][n]: as the parent computes it */
    size_t plan_count;
};

static float *output(const struct family *family, size_t variant)
{
    return family->y + variant * BATCH * shape.n;
}

/* Make plans of two threads and run them: OpenMP then has a team. */
static struct family *family_make(void)
{
    struct family *family = calloc(1, sizeof *family);
    assert_non_null(family);
    family->problem = make_problem();
    family->y = calloc(MOST, BATCH * shape.n * sizeof *family->y);
    assert_non_null(family->y);
    assert_true(midl_variant_count() <= MOST);
    for (size_t i = 0; i < midl_variant_count(); i++) {
        family->plans[i] = make_plan(&family->problem, midl_variant_at(i), 2);
        if (!family->plans[i])
            continue;
        midl_run(family->plans[i], BATCH, family->problem.x, output(family, i));
        family->plan_count++;
    }
    return family;
}

static void family_clear(struct family *family)
{
    for (size_t i = 0; i < MOST; i++)
        midl_plan_destroy(family->plans[i]);
    problem_clear(&family->problem);
    free(family->y);
    free(family);
}

/* In a child: run the parent's plan, or a new one; 0 if it is as midl.h says. */
static int run_in_child(const struct family *family, size_t i, struct midl_plan *plan, bool own)
{
    float *y = calloc(BATCH * shape.n, sizeof *y);
    const char *idea = midl_variant_idea(midl_variant_at(i));
    enum midl_status status = midl_run(plan, BATCH, family->problem.x, y);
    bool refused = !own && strcmp(idea, "linear-onednn") == 0;
    bool same = memcmp(y, output(family, i), BATCH * shape.n * sizeof *y) == 0;
    free(y);
    if (status == (refused ? MIDL_UNAVAILABLE : MIDL_OK) && (refused || same))
        return 0;
    printf("%s, %s plan: %s%s\n", midl_variant_name(midl_variant_at(i)),
           own ? "the child's" : "the parent's", midl_status_text(status),
           same ? "" : ", another output than the parent's");
    return 1;
}

/* What a child does: the number of faults. */
static int be_child(const struct family *family)
{
    int faults = !host_forked;
    for (size_t i = 0; i < midl_variant_count(); i++) {
        if (!family->plans[i])
            continue;
        faults += run_in_child(family, i, family->plans[i], false);
        struct midl_plan *own = make_plan(&family->problem, midl_variant_at(i), 2);
        faults += own ? run_in_child(family, i, own, true) : 1;
        midl_plan_destroy(own);
    }
    return faults;
}

/* A child that runs all plans, and then, if asked, has a child that does. */
static int fork_child(const struct family *family, int generations)
{
    int status = 0;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        int faults = be_child(family);
        if (generations > 1)
            faults += fork_child(family, generations - 1);
        fflush(stdout);
        _exit(faults > 0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        return 1;
    return WEXITSTATUS(status);
}

static void children_run_every_plan(void **state)
{
    struct family *family = family_make();
    (void)state;
    assert_int_equal(fork_child(family, 2), 0);
    /* The parent's are as before. */
    assert_false(host_forked);
    for (size_t i = 0; i < midl_variant_count(); i++)
        if (family->plans[i])
            assert_int_equal(run_in_child(family, i, family->plans[i], true), 0);
    family_clear(family);
}

/* The fork is another thread's, which has a team of its own. */
static void *fork_there(void *data)
{
    struct family *family = family_make();
    *(int *)data = fork_child(family, 1);
    family_clear(family);
    return NULL;
}

static void children_of_other_threads_run_every_plan(void **state)
{
    pthread_t id;
    int faults = 1;
    (void)state;
    assert_int_equal(pthread_create(&id, NULL, fork_there, &faults), 0);
    pthread_join(id, NULL);
    assert_int_equal(faults, 0);
}

/* The team is the host's own. */
static void children_run_after_a_team_of_the_host(void **state)
{
    struct family *family = family_make();
    int members = 0;
    (void)state;
#pragma omp parallel num_threads(3) reduction(+ : members)
    members++;
    assert_true(members >= 1);
    assert_int_equal(fork_child(family, 1), 0);
    family_clear(family);
}

/* A training, whose threads give the same bits, in a child. */
static void children_train(void **state)
{
    struct problem problem = make_problem();
    static float y[2][BATCH * 96], dW[2][96 * 40];
    char reason[MIDL_REASON_SIZE];
    struct midl_training *training = NULL;
    struct midl_training_options options = {.rule = MIDL_RULE_STE, .max_batch = BATCH};
    (void)state;
    for (options.threads = 2; options.threads > 0 && !training; options.threads--)
        (void)midl_training_create(&shape, &options, &training, reason);
    assert_non_null(training);
    pid_t pid = -1;
    int status = 0;
    for (int child = 0; child < 2; child++) {
        struct midl_gradients gradients = {.full_weight = dW[child]};
        midl_training_forward(training, &problem.layer, BATCH, problem.x, y[child]);
        midl_training_backward(training, &problem.layer, BATCH, problem.x, y[child], NULL,
                               &gradients);
        if (child == 0 && (pid = fork()) != 0)
            break;
    }
    if (pid == 0)
        _exit(memcmp(y[0], y[1], sizeof y[0]) != 0 || memcmp(dW[0], dW[1], sizeof dW[0]) != 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    midl_training_destroy(training);
    problem_clear(&problem);
}

/* ---- Modes of computing --------------------------------------------------------------------- */

enum mode { UPWARD, DOWNWARD, TOWARD_ZERO, TRAPS, FLUSHED, MODES };

/* False where the processor hasn't it. */
static bool set_mode(enum mode mode)
{
    static const int roundings[] = {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    if (mode <= TOWARD_ZERO)
        return fesetround(roundings[mode]) == 0;
    if (mode == TRAPS)
        return feenableexcept(FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW) != -1 &&
               fegetexcept() == (FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW);
#if defined(__x86_64__)
    _mm_setcsr(_mm_getcsr() | 0x8040); /* results and operands */
    return true;
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" : : "r"(UINT64_C(1) << 24));
    return true;
#else
    return false;
#endif
}

/* The register that holds the mode; 0 where we don't know it. */
static uint64_t mode_bits(void)
{
    uint64_t bits = 0;
#if defined(__x86_64__)
    bits = _mm_getcsr() & HOST_MODE_BITS;
#elif defined(__aarch64__)
    __asm__ volatile("mrs %0, fpcr" : "=r"(bits));
#endif
    return bits;
}

struct moded {
    const struct problem *problem;
    const float *expected; /* [MOST][BATCH][n]: in the default mode */
    enum mode mode;
    int faults;
};

/* All variants in a thread of its own, whose team begins in that mode. */
static void *run_in_mode(void *data)
{
    struct moded *moded = data;
    const size_t values = BATCH * shape.n;
    float *y = malloc(values * sizeof *y);
    uint64_t before = mode_bits();
    bool set = y && set_mode(moded->mode);
    uint64_t bits = mode_bits();
    moded->faults += set && bits == before && bits != 0;
    for (size_t i = 0; set && i < midl_variant_count(); i++)
        for (int threads = 1; threads <= 2; threads++) {
            const struct midl_variant *variant = midl_variant_at(i);
            struct midl_plan *plan = make_plan(moded->problem, variant, threads);
            if (!plan)
                continue;
            midl_run(plan, BATCH, moded->problem->x, y);
            bool kept = mode_bits() == bits;
            bool same = memcmp(y, moded->expected + i * values, values * sizeof *y) == 0;
            if (!kept || !same)
                printf("%s, %d threads, mode %d:%s%s\n", midl_variant_name(variant), threads,
                       (int)moded->mode, kept ? "" : " not kept", same ? "" : " another output");
            moded->faults += !kept || !same;
            midl_plan_destroy(plan);
        }
    fedisableexcept(FE_ALL_EXCEPT);
    free(y);
    return NULL;
}

static void expect_same_in_modes(const struct problem *problem)
{
    const size_t values = BATCH * shape.n;
    float *expected = calloc(MOST, values * sizeof *expected);
    assert_non_null(expected);
    for (size_t i = 0; i < midl_variant_count(); i++) {
        struct midl_plan *plan = make_plan(problem, midl_variant_at(i), 1);
        if (plan)
            midl_run(plan, BATCH, problem->x, expected + i * values);
        midl_plan_destroy(plan);
    }
    for (int mode = 0; mode < MODES; mode++) {
        struct moded moded = {.problem = problem, .expected = expected, .mode = (enum mode)mode};
        pthread_t id;
        assert_int_equal(pthread_create(&id, NULL, run_in_mode, &moded), 0);
        pthread_join(id, NULL);
        assert_int_equal(moded.faults, 0);
    }
    free(expected);
}

/* Whole numbers; and logits that are zeros and denormal numbers, of which flushing makes ties. */
static void modes_change_no_bit(void **state)
{
    struct problem problem = make_problem();
    (void)state;
    expect_same_in_modes(&problem);
    float *up = calloc(shape.n * shape.rg, sizeof *up), *bias = calloc(shape.n, sizeof *bias);
    assert_true(up && bias);
    for (size_t j = 0; j < shape.n; j++)
        bias[j] = j % 5 == 0 ? 1e-40f : j % 7 == 0 ? 1.25e-38f : j < 10 ? 1 : 0;
    struct problem tiny = problem;
    tiny.layer.gate_up = up;
    tiny.layer.gate_bias = bias;
    expect_same_in_modes(&tiny);
    free(up);
    free(bias);
    problem_clear(&problem);
}

/* ---- Locales -------------------------------------------------------------------------------- */

/* Make a locale of the system's sources below `folder`; false if that can't be had here. */
static bool make_locale(const char *folder, const char *name)
{
    char command[512];
    snprintf(command, sizeof command, "localedef -i %s -f UTF-8 '%s/%s.UTF-8' >'%s/log' 2>&1", name,
             folder, name, folder);
    return system(command) == 0;
}

static char *calibration_here(void)
{
    struct midl_calibration table = {0};
    struct calibration_series *series = calibration_add(&table);
    snprintf(series->idea, sizeof series->idea, "simd");
    series->threads = 1;
    for (size_t i = 0; i < CALIBRATION_PLACES; i++)
        series->time_ns[i] = 1.25f * (float)(i * i * i + 1);
    char *text = calibration_text(&table, "here");
    free(table.series);
    assert_non_null(text);
    return text;
}

static void expect_read(const char *text)
{
    char reason[MIDL_REASON_SIZE] = "";
    struct midl_calibration *back = NULL;
    if (midl_calibration_read(text, "here", &back, reason) != MIDL_OK)
        fail_msg("not read: %s", reason);
    assert_float_equal(back->series[0].time_ns[1], 2.5, 0);
    midl_calibration_destroy(back);
}

static void expect_reason(float threshold, const char *ending)
{
    const struct midl_shape wrong = {
        .d = 4, .n = 4, .r = 1, .select = MIDL_SELECT_THRESHOLD, .threshold = threshold};
    char reason[MIDL_REASON_SIZE] = "";
    assert_int_equal(midl_shape_check(&wrong, reason), MIDL_INVALID);
    assert_true(strlen(reason) > strlen(ending));
    assert_string_equal(reason + strlen(reason) - strlen(ending), ending);
}

static void expect_reasons(void)
{
    expect_reason(1.5f, ", not 1.5");
    expect_reason(-0.0625f, ", not -0.0625");
    expect_reason(1.25e20f, ", not 1.25e+20");
    expect_reason(3, ", not 3");
    expect_reason(INFINITY, ", not inf");
    expect_reason(NAN, ", not nan");
}

/* Decimal commas, and a decimal sign of two bytes. */
static void locales_change_nothing(void **state)
{
    static const char *const names[] = {"de_DE", "fr_FR", "ps_AF"};
    char *plain = calibration_here(), number[16], folder[128], remove[256];
    size_t tried = 0;
    (void)state;
    assert_true(folder_make_temporary(NULL, "midl-locale-", folder, sizeof folder));
    setenv("LOCPATH", folder, 1);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char locale[16];
        snprintf(locale, sizeof locale, "%s.UTF-8", names[i]);
        if (!make_locale(folder, names[i]) || !setlocale(LC_ALL, locale))
            continue;
        snprintf(number, sizeof number, "%.1f", 0.5);
        assert_string_not_equal(number, "0.5"); /* the locale does what it is here for */
        char *text = calibration_here();
        assert_string_equal(text, plain);
        expect_read(plain);
        expect_reasons();
        free(text);
        setlocale(LC_ALL, "C");
        tried++;
    }
    expect_read(plain);
    expect_reasons();
    snprintf(remove, sizeof remove, "rm -r '%s'", folder);
    assert_int_equal(system(remove), 0);
    unsetenv("LOCPATH");
    free(plain);
    if (tried == 0)
        skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_leave_numbers_of_threads),
        cmocka_unit_test(trainings_leave_numbers_of_threads),
        cmocka_unit_test(overlapping_runs_leave_numbers_of_threads),
        cmocka_unit_test(children_run_every_plan),
        cmocka_unit_test(children_of_other_threads_run_every_plan),
        cmocka_unit_test(children_run_after_a_team_of_the_host),
        cmocka_unit_test(children_train),
        cmocka_unit_test(modes_change_no_bit),
        cmocka_unit_test(locales_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
