/* team.c - threads asked for and threads given. */
#include "machine/team.h"

#include <limits.h>
#include <stdio.h>

#include "machine/machine.h"
#include "machine/room.h"
#include "midl_config.h"

#if defined(_OPENMP)
#include <omp.h>

void team_fix(void)
{
    omp_set_dynamic(0);
}

static int openmp_count(int threads)
{
    int count = 1;
#pragma omp parallel num_threads(threads)
    {
#pragma omp single
        count = omp_get_num_threads();
    }
    return count;
}

static int openmp_limit(void)
{
    return omp_get_thread_limit();
}
#else
void team_fix(void)
{
}

/* Nobody limits: who needs more than one thread is refused by the library, with that reason. */
static int openmp_count(int threads)
{
    return threads;
}

static int openmp_limit(void)
{
    return INT_MAX;
}
#endif

#if MIDL_HAVE_OPENBLAS
void openblas_set_num_threads(int threads);
int openblas_get_num_threads(void);

static int openblas_count(int threads)
{
    int before = openblas_get_num_threads();
    openblas_set_num_threads(threads);
    int count = openblas_get_num_threads();
    openblas_set_num_threads(before);
    return count;
}
#else
static int openblas_count(int threads)
{
    return threads;
}
#endif

int team_count(int threads, bool blas)
{
    if (threads <= 1)
        return 1;
    int count = openmp_count(threads), other = blas ? openblas_count(threads) : count;
    return other < count ? other : count;
}

enum outcome team_check(int threads, bool blas, int *ret_count, struct error *error)
{
    enum outcome outcome = threads > 1 && blas ? room_for_threads(threads, error) : OUTCOME_DONE;
    if (outcome)
        return outcome;
    *ret_count = team_count(threads, blas);
    if (*ret_count >= threads)
        return OUTCOME_DONE;
    if (openmp_limit() < threads)
        return fail(error, OUTCOME_MACHINE,
                    "%d threads asked for, %d would run: OMP_THREAD_LIMIT is %d; raise it or ask "
                    "for fewer",
                    threads, *ret_count, openmp_limit());
    return fail(error, OUTCOME_MACHINE,
                "%d threads asked for, %d would run: %s gives no more; ask for fewer", threads,
                *ret_count, *ret_count == openmp_count(threads) ? "OpenMP" : "OpenBLAS");
}

void team_remark(int threads, char *ret, size_t size)
{
    const struct machine *machine = machine_get();
    bool quota = machine->cores < machine->allowed;
    ret[0] = '\0';
    if (threads > machine->cores)
        snprintf(ret, size, "%d threads share %d processor%s%s%s", threads, machine->cores,
                 machine->cores == 1 ? "" : "s", quota ? ": " : "",
                 quota ? machine->quota_file : "");
}
