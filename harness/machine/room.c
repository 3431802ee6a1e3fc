/* room.c - memory by the limits of this process; address space for OpenBLAS's buffers, found by
 * asking for as much. */
#include "machine/room.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "machine/machine.h"
#include "midl_config.h"

bool room_for(double bytes)
{
    const struct machine *machine = machine_get();
    double resident_pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file && fscanf(file, "%*s %lf", &resident_pages) != 1)
        resident_pages = 0;
    if (file)
        fclose(file);
    double taken_bytes = resident_pages * (double)machine->page_bytes;
    return !(taken_bytes + bytes > machine->usable_bytes); /* not known: there is */
}

enum outcome room_fail(struct error *error, const char *what, double bytes)
{
    const struct machine *machine = machine_get();
    enum outcome outcome = fail_memory(error, what, bytes);
    if (*machine->limit_file)
        return fail(error, outcome, "%.300s; %.160s allows %.4g GB", error->text,
                    machine->limit_file, machine->usable_bytes / 1e9);
    return outcome;
}

#if MIDL_HAVE_OPENBLAS

#include <cblas.h>

int openblas_get_num_threads(void);

#define BUFFER_BYTES ((size_t)129 << 20) /* of one thread, with what else it needs */
#define LOOKS 200                        /* at threads that may still be settling, 1 ms apart */
#define MATRIX 160                       /* wide enough for a product that takes the buffer */

static bool has_room(size_t bytes)
{
    void *probe = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return probe != MAP_FAILED && munmap(probe, bytes) == 0;
}

static bool is_limited(void)
{
    struct rlimit space, data;
    return (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY) ||
           (getrlimit(RLIMIT_DATA, &data) == 0 && data.rlim_cur != RLIM_INFINITY);
}

static enum outcome fail_room(int threads, struct error *error)
{
    return fail(error, OUTCOME_MACHINE,
                "not enough address space: OpenBLAS takes 128 MiB for each of %d thread%s; raise "
                "the limit (ulimit -v) or set OPENBLAS_NUM_THREADS=1",
                threads, threads == 1 ? "" : "s");
}

/* Whether another thread of this process is at work. */
static bool others_work(void)
{
    char path[300], self[32];
    bool work = false;
    DIR *folder = opendir("/proc/self/task");
    snprintf(self, sizeof self, "%ld", (long)getpid());
    for (struct dirent *entry; folder && !work && (entry = readdir(folder));) {
        if (*entry->d_name == '.' || strcmp(entry->d_name, self) == 0)
            continue;
        snprintf(path, sizeof path, "/proc/self/task/%s/stat", entry->d_name);
        char *text = file_text(path);
        const char *state = text ? strrchr(text, ')') : NULL;
        work = state && strncmp(state, ") R", 3) == 0;
        free(text);
    }
    if (folder)
        closedir(folder);
    return work;
}

/* Wait until OpenBLAS's threads, which were made before main began, rest; false if they don't: they
 * ask for memory in vain. */
static bool threads_rest(void)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    for (int i = 0; i < LOOKS; i++) {
        if (!others_work())
            return true;
        nanosleep(&moment, NULL);
    }
    return false;
}

/* Have OpenBLAS take this thread's buffer, which it keeps. */
static bool take_buffer(void)
{
    float *a = calloc(3 * MATRIX * MATRIX, sizeof *a);
    if (!a)
        return false;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, MATRIX, MATRIX, MATRIX, 1.0f, a, MATRIX,
                a + MATRIX * MATRIX, MATRIX, 0.0f, a + 2 * MATRIX * MATRIX, MATRIX);
    free(a);
    return true;
}

enum outcome room_check(struct error *error)
{
    int threads = openblas_get_num_threads();
    if (!has_room((size_t)threads * BUFFER_BYTES) && (!threads_rest() || !has_room(BUFFER_BYTES)))
        return fail_room(threads, error);
    if (is_limited() && !take_buffer())
        return fail_memory(error, "a small matrix", 3.0 * MATRIX * MATRIX * sizeof(float));
    return OUTCOME_DONE;
}

enum outcome room_for_threads(int threads, struct error *error)
{
    int more = threads - openblas_get_num_threads();
    if (more > 0 && !has_room((size_t)more * BUFFER_BYTES))
        return fail_room(threads, error);
    return OUTCOME_DONE;
}

#else
enum outcome room_check(struct error *error)
{
    (void)error;
    return OUTCOME_DONE;
}

enum outcome room_for_threads(int threads, struct error *error)
{
    (void)threads;
    (void)error;
    return OUTCOME_DONE;
}
#endif
