/* placement.c - fresh memory for a group, and one processor for its thread. */
#define _GNU_SOURCE /* sched_setaffinity */
#include "measure/placement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#if defined(__GLIBC__)
#include <malloc.h>

#include "base/array.h"
#include "machine/pin.h"
#endif


#define LINE_BYTES 64
/* Larger arrays come from the system, smaller ones from the heap. */
#define HEAP_BYTES (32u * 1024)
#define STOCK_BYTES ((size_t)64 << 20)
#define RELEASE_BYTES ((size_t)4 << 20) /* at most: among more pages chance evens out */

static size_t page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* ---- The stock of pages -------------------------------------------------------------------- */

static struct {
    char *pages; /* NULL: none yet, or none to be had */
    uint32_t count;
    char *released; /* the part that is given up */
    size_t released_bytes;
    bool asked;
} stock;

/* Touch all pages in random order: then neighbours are neighbours in name only. */
static void stock_touch(struct rng *rng)
{
    uint32_t *order = malloc(stock.count * sizeof *order);
    for (uint32_t i = 0; order && i < stock.count; i++) {
        uint32_t j = rng_below(rng, i + 1);
        order[i] = order[j];
        order[j] = i;
    }
    for (uint32_t i = 0; i < stock.count; i++)
        ((volatile char *)stock.pages)[(order ? order[i] : i) * page_bytes()] = 1;
    free(order);
}

void placement_prepare(struct rng *rng)
{
    if (stock.asked)
        return;
    stock.asked = true;
    void *pages =
        mmap(NULL, STOCK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        return;
#ifdef MADV_NOHUGEPAGE
    (void)madvise(pages, STOCK_BYTES, MADV_NOHUGEPAGE);
#endif
    stock.pages = pages;
    stock.count = (uint32_t)(STOCK_BYTES / page_bytes());
    stock_touch(rng);
}

void placement_release(size_t bytes, struct rng *rng)
{
    if (!stock.pages || stock.released_bytes > 0)
        return;
    stock.released_bytes =
        bytes < RELEASE_BYTES ? bytes / page_bytes() * page_bytes() : RELEASE_BYTES;
    uint32_t places = stock.count - (uint32_t)(stock.released_bytes / page_bytes()) + 1;
    stock.released = stock.pages + rng_below(rng, places) * page_bytes();
    (void)madvise(stock.released, stock.released_bytes, MADV_DONTNEED);
}

void placement_restock(void)
{
#ifdef MADV_POPULATE_WRITE /* at once is faster */
    if (stock.released_bytes > 0)
        (void)madvise(stock.released, stock.released_bytes, MADV_POPULATE_WRITE);
#endif
    for (size_t i = 0; i < stock.released_bytes; i += page_bytes())
        ((volatile char *)stock.released)[i] = 1;
    stock.released_bytes = 0;
}

/* ---- Placements ---------------------------------------------------------------------------- */

/* glibc keeps large arrays that were freed and hands the same pages out again, the sooner the more
 * were freed; with a fixed threshold they come from the system. */
static void fresh_arrays(void)
{
#if defined(__GLIBC__)
    (void)mallopt(M_MMAP_THRESHOLD, HEAP_BYTES);
#endif
}

/* Somewhere in a page. */
static size_t random_offset(struct rng *rng)
{
    return rng_below(rng, (uint32_t)(page_bytes() / LINE_BYTES)) * LINE_BYTES;
}

/* Up to PLACEMENT_SPACERS pieces of the heap, of random sizes. */
static bool make_spacers(struct rng *rng, void *ret[PLACEMENT_SPACERS])
{
    size_t count = rng_below(rng, PLACEMENT_SPACERS + 1);
    bool ok = true;
    for (size_t i = 0; i < count && ok; i++) {
        ret[i] = array_aligned(LINE_BYTES + rng_below(rng, HEAP_BYTES / 2), 1);
        ok = ret[i] != NULL;
    }
    return ok;
}

bool placement_make(const struct problem *problem, struct rng *rng, struct placement *ret)
{
    struct placement placement = {0};
    size_t output_bytes = problem->batch * problem->layer.shape.n * sizeof(float);
    fresh_arrays();
    bool ok = make_spacers(rng, placement.spacers);
    placement.outputs = ok ? array_aligned(output_bytes + page_bytes(), 1) : NULL;
    if (!placement.outputs || !problem_copy(problem, random_offset(rng), &placement.problem)) {
        placement_clear(&placement);
        return false;
    }
    placement.y = (float *)placement.outputs + random_offset(rng) / sizeof(float);
    memset(placement.y, 0, output_bytes);
    *ret = placement;
    return true;
}

void placement_clear(struct placement *placement)
{
    problem_clear(&placement->problem);
    free(placement->outputs);
    for (size_t i = 0; i < PLACEMENT_SPACERS; i++)
        free(placement->spacers[i]);
    *placement = (struct placement){0};
}

/* ---- As rows for the store ---------------------------------------------------------------------- */

size_t placement_facts(const struct store_fact **ret)
{
    static char pinning[96];
    static const struct store_fact facts[] = {
        {"pinning", pinning},
        {"first_touch", "by the measuring thread, anew at every placement"},
        {"alignment", "64 bytes, offset within the page random; plans: 64 bytes, 2 MiB from 4 MiB"},
        {"pages", "huge ones asked for wherever 2 MiB fit (madvise); see thp"}};
    pin_text(pinning, sizeof pinning);
    *ret = facts;
    return sizeof facts / sizeof facts[0];
}
