/* host.c - leave the host program's settings as they were, and know a forked child. */
#include "host.h"

#include <pthread.h>
#include <stdatomic.h>

#include "blas.h"

#if defined(_OPENMP)
#include <omp.h>
#endif

bool host_forked;

/* ---- OpenBLAS: one number of threads a process ----------------------------------------------- */

#if MIDL_HAVE_OPENBLAS

static atomic_flag busy = ATOMIC_FLAG_INIT; /* guards the two below, for some nanoseconds */
static int changes, found;                  /* calls that changed the number; what it was before */

static void lock(void)
{
    while (atomic_flag_test_and_set_explicit(&busy, memory_order_acquire))
        ;
}

static void unlock(void)
{
    atomic_flag_clear_explicit(&busy, memory_order_release);
}

/* False if the number is right as it is. */
static bool openblas_begin(int threads)
{
    if (openblas_get_num_threads() == threads)
        return false;
    lock();
    if (changes++ == 0)
        found = openblas_get_num_threads();
    openblas_set_num_threads(threads);
    unlock();
    return true;
}

static void openblas_end(void)
{
    lock();
    if (--changes == 0)
        openblas_set_num_threads(found);
    unlock();
}

/* Other threads' calls, which held the lock or had changed the number, aren't in the child. */
static void openblas_forked(void)
{
    changes = 0;
    unlock();
}

#else

static bool openblas_begin(int threads)
{
    (void)threads;
    return false;
}

static void openblas_end(void)
{
}

static void openblas_forked(void)
{
}

#endif

/* ---- OpenMP: one number a thread --------------------------------------------------------------
 */

static int openmp_threads(void)
{
#if defined(_OPENMP)
    return omp_get_max_threads();
#else
    return 1;
#endif
}

static void openmp_set(int threads)
{
#if defined(_OPENMP)
    if (omp_get_max_threads() != threads)
        omp_set_num_threads(threads);
#else
    (void)threads;
#endif
}

/* OpenBLAS goes first: built for OpenMP it sets that number too. */
struct host_settings host_begin(int threads)
{
    struct host_settings before = {.openmp = openmp_threads()};
    before.openblas = openblas_begin(host_threads(threads));
    openmp_set(host_threads(threads));
    return before;
}

void host_end(const struct host_settings *before)
{
    if (before->openblas)
        openblas_end();
    openmp_set(before->openmp);
}

/* ---- Forks ------------------------------------------------------------------------------------
 */

static void on_child(void)
{
    host_forked = true;
    openblas_forked();
}

/* A process whose forks can't be told counts as a child. */
__attribute__((constructor)) static void watch_forks(void)
{
    host_forked = pthread_atfork(NULL, NULL, on_child) != 0;
}
