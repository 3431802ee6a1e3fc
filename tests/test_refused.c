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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_memory),
                                       cmocka_unit_test(test_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
