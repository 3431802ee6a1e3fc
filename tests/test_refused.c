/* test_refused.c - the system refuses memory, threads or a barrier: the error names that, not
 * another cause. The linker redirects the calls to what stands here. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "machine/ceiling.h"
#include "machine/machine.h"
#include "verify/problem.h"

#include <cmocka.h> /* last: its macro `fail` would replace that of error.h */

void *__real_calloc(size_t count, size_t size);
int __real_pthread_create(pthread_t *ret, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *data);
int __real_pthread_barrier_init(pthread_barrier_t *ret, const pthread_barrierattr_t *attributes,
                                unsigned count);
void *__wrap_calloc(size_t count, size_t size);
int __wrap_pthread_create(pthread_t *ret, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *data);
int __wrap_pthread_barrier_init(pthread_barrier_t *ret, const pthread_barrierattr_t *attributes,
                                unsigned count);

const struct machine *__real_machine_get(void);
const struct machine *__wrap_machine_get(void);

static double usable_bytes; /* 0: as it is */
static bool no_memory, no_barrier;
static int threads_left = -1; /* negative: any number */

void *__wrap_calloc(size_t count, size_t size)
{
    return no_memory ? NULL : __real_calloc(count, size);
}

int __wrap_pthread_create(pthread_t *ret, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *data)
{
    if (threads_left == 0)
        return EAGAIN;
    threads_left -= threads_left > 0;
    return __real_pthread_create(ret, attributes, run, data);
}

int __wrap_pthread_barrier_init(pthread_barrier_t *ret, const pthread_barrierattr_t *attributes,
                                unsigned count)
{
    return no_barrier ? EAGAIN : __real_pthread_barrier_init(ret, attributes, count);
}

const struct machine *__wrap_machine_get(void)
{
    static struct machine machine;
    machine = *__real_machine_get();
    if (usable_bytes > 0)
        machine.usable_bytes = usable_bytes;
    if (usable_bytes > 0)
        strcpy(machine.limit_file, "memory.max of /a");
    return &machine;
}

static void expect(int threads, const char *words)
{
    struct ceilings ceilings;
    struct error error;
    assert_int_equal(ceilings_measure(threads, NULL, &ceilings, &error), OUTCOME_MACHINE);
    if (!strstr(error.text, words))
        fail_msg("'%s', expected '%s'", error.text, words);
}

static void test_memory(void **state)
{
    (void)state;
    no_memory = true;
    expect(1, "not enough memory for a team of threads");
    no_memory = false;
}

static void test_threads(void **state)
{
    (void)state;
    threads_left = 0;
    expect(1, "could not start 1 threads: Resource temporarily unavailable");
    threads_left = 1; /* the first of two waits, and is told */
    expect(2, "could not start 2 threads: Resource temporarily unavailable");
    threads_left = -1;
    no_barrier = true;
    expect(1, "could not make a barrier for 1 threads: Resource temporarily unavailable");
    no_barrier = false;
}

/* A control group kills who exceeds its limit: what would is refused before. */
static void test_limit(void **state)
{
    const struct bench_shape shape = {
        .layer = {.d = 4096, .n = 65536, .r = 1, .rg = 1, .k = 5, .gate = MIDL_GATE_LOWRANK},
        .batch = 1,
        .threads = 1,
        .seed = 1};
    struct problem problem;
    struct error error;
    (void)state;
    usable_bytes = 1e9;
    assert_int_equal(problem_load(&shape, &problem, &error), OUTCOME_MACHINE);
    if (!strstr(error.text, "not enough memory for weights and inputs (1.1 GB); memory.max of /a "
                            "allows 1 GB"))
        fail_msg("'%s'", error.text);
    usable_bytes = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_memory),
                                       cmocka_unit_test(test_threads),
                                       cmocka_unit_test(test_limit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
