/* Counters: the pure parts on texts and numbers, the measured ones on calls of known work, the
 * simulated ones on one small case, counted twice. This program is its own `count-one`. */
#define _GNU_SOURCE /* environ */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/child.h"
#include "base/stop.h"
#include "commands/command.h"
#include "counters/callgrind_file.h"
#include "machine/valgrind.h"
#include "measure/cost_check.h"
#include "counters/counters.h"
#include "base/error.h"
#include "counters/flop_count.h"
#include "counters/groups.h"
#include "machine/machine.h"
#include "measure/count_case.h"
#include "suite/suite.h"

#include <cmocka.h>

#include "scratch.h"

/* ---- Scaling --------------------------------------------------------------------------------- */

static void assert_near(double value, double expected)
{
    assert_true(fabs(value - expected) <= 1e-9 * fabs(expected));
}

static void test_scale(void **state)
{
    double share = -1;
    (void)state;
    assert_near(counters_scale(1000, 50, 50, &share), 1000);
    assert_true(isnan(share)); /* all of the time: not scaled */
    assert_near(counters_scale(1000, 80, 20, &share), 4000);
    assert_near(share, 0.25);
    assert_near(counters_scale(0, 80, 20, &share), 0);
    assert_true(isnan(counters_scale(1000, 80, 0, &share))); /* never ran: no count */
    assert_near(counters_scale(7, 0, 0, &share), 7);
    assert_near(counters_scale((uint64_t)1 << 62, 2, 1, &share), 0x1p63);
}

/* ---- PAPI ------------------------------------------------------------------------------------ */

static const struct counter_state *state_of(const char *name)
{
    const struct counter_state *states;
    size_t count = counters_probe(&states);
    for (size_t i = 0; i < count; i++)
        if (strcmp(states[i].name, name) == 0)
            return &states[i];
    fail_msg("no counter %s", name);
    return NULL;
}

static const struct store_counter *counter_of(const struct counter_set *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->counters[i].counter, name) == 0)
            return &set->counters[i];
    fail_msg("no row %s", name);
    return NULL;
}

static void test_probe(void **state)
{
    const struct counter_state *states, *again;
    size_t count = counters_probe(&states);
    (void)state;
    assert_int_equal(counters_probe(&again), count);
    assert_ptr_equal(states, again);
    assert_true(count >= 12 && count <= COUNTER_MAX);
    for (size_t i = 0; i < count; i++) {
        assert_true(*states[i].name && *states[i].event);
        assert_true(states[i].works == (*states[i].reason == '\0'));
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(states[i].name, states[j].name);
    }
}

#define PAGES 100

struct pages {
    char *memory;
    size_t page_bytes;
    int calls;
};

/* Not instrumented: the shadow that a sanitised build keeps of memory is made of pages too. */
__attribute__((no_sanitize("address"))) static void touch_pages(void *data)
{
    struct pages *pages = data;
    volatile char *memory = pages->memory;
    pages->calls++;
    madvise(pages->memory, PAGES * pages->page_bytes, MADV_DONTNEED); /* fresh again */
    for (size_t i = 0; i < PAGES; i++)
        memory[i * pages->page_bytes] = 1;
}

static void pages_make(struct pages *ret)
{
    size_t page = machine_get()->page_bytes;
    char *memory =
        mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED);
    madvise(memory, PAGES * page, MADV_NOHUGEPAGE);
    *ret = (struct pages){memory, page, 0};
}

/* A counter that works gives what the call did; one that doesn't gives a reason and no number. */
static void assert_rows(const struct counter_set *set)
{
    const struct counter_state *states;
    assert_int_equal(set->count, counters_probe(&states));
    for (size_t i = 0; i < set->count; i++) {
        const struct store_counter *row = &set->counters[i];
        assert_string_equal(row->source, "papi");
        if (isnan(row->per_call) != (row->reason != NULL) || row->per_call < 0)
            fail_msg("%s: %g, reason \"%s\"", row->counter, row->per_call,
                     row->reason ? row->reason : "none");
    }
}

/* Whether the numbers are those of touch_pages; said if not. */
static bool pages_counted(const struct counter_set *set)
{
    double faults = counter_of(set, "page_faults")->per_call;
    bool faults_ok = !state_of("page_faults")->works || (faults >= PAGES && faults <= PAGES + 2);
    double clock_ns = counter_of(set, "task_clock_ns")->per_call;
    bool clock_ok = !state_of("task_clock_ns")->works || clock_ns > 0;
    double instructions = counter_of(set, "instructions")->per_call;
    bool instructions_ok = !state_of("instructions")->works || instructions > PAGES;
    bool ok = faults_ok && clock_ok && instructions_ok;
    if (!ok)
        print_message("%g page faults for %d fresh pages, %g ns, %g instructions\n", faults, PAGES,
                      clock_ns, instructions);
    return ok;
}

/* The kernel may take pages away again, and another thread of this process (a library's) may wake
 * up: what is counted then is not the call's alone. A wrong count stays wrong. */
static void test_papi(void **state)
{
    enum { TRIES = 5 };
    static struct counter_set set;
    struct pages pages;
    bool ok = false;
    (void)state;
    pages_make(&pages);
    for (int i = 0; i < TRIES && !ok; i++) {
        counters_papi(touch_pages, &pages, 5, 0, &set);
        assert_rows(&set);
        assert_int_equal(pages.calls % 5, 0); /* five a pass */
        ok = pages_counted(&set);
    }
    munmap(pages.memory, PAGES * pages.page_bytes);
    if (!state_of("page_faults")->works)
        print_message("page faults can't be counted here: %s\n", state_of("page_faults")->reason);
    assert_true(ok);
    assert_true(pages.calls > 0 || !state_of("page_faults")->works);
}

/* ---- Groups ---------------------------------------------------------------------------------- */

/* Every counter that is probed is in a group, and the other way round; no counter is in two. */
static void test_groups(void **state)
{
    const struct group_counter *rows;
    size_t count = groups_counters(&rows), papi = 0;
    const struct counter_state *states;
    (void)state;
    for (size_t i = 0; i < count; i++) {
        assert_true(rows[i].papi || rows[i].callgrind);
        assert_true(groups_bit(rows[i].group) >= COUNT_GROUPS);
        assert_non_null(strstr(groups_words(), rows[i].group));
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(rows[i].name, rows[j].name);
            assert_int_equal(groups_bit(rows[i].group) == groups_bit(rows[j].group),
                             strcmp(rows[i].group, rows[j].group) == 0);
        }
        papi += rows[i].papi;
        if (rows[i].papi)
            state_of(rows[i].name);
    }
    assert_int_equal(counters_probe(&states), papi);
    assert_int_equal(groups_bit("perf"), 0);
    assert_int_equal(groups_bit("none"), 0);
}

static void test_groups_wanted(void **state)
{
    unsigned tlb = groups_bit("tlb"), flops = groups_bit("flops"), cache = groups_bit("cache");
    (void)state;
    assert_true(groups_wants(COUNT_PAPI, "tlb_misses") && groups_wants(0, "flops"));
    assert_true(groups_wants(tlb, "tlb_misses") && !groups_wants(tlb, "flops"));
    assert_true(groups_wants(tlb | flops | COUNT_PAPI, "flops"));
    assert_false(groups_wants(tlb | flops, "cycles") || groups_wants(0, "no such"));
    /* Sources that were named stay; callgrind stands in for what papi can't. */
    assert_int_equal(counters_resolve(0), 0);
    assert_int_equal(counters_resolve(COUNT_CALLGRIND | tlb), COUNT_CALLGRIND | tlb);
    assert_int_equal(counters_resolve(tlb), COUNT_PAPI | tlb);
    assert_int_equal(counters_resolve(flops),
                     flops | COUNT_PAPI | (state_of("flops")->works ? 0u : COUNT_CALLGRIND));
    assert_int_equal(counters_resolve(cache) & COUNT_CALLGRIND,
                     state_of("l1d_misses")->works ? 0u : COUNT_CALLGRIND);
}

/* Only what was asked for is counted: a row for each, and passes for those only. */
static void test_papi_group(void **state)
{
    static struct counter_set set;
    struct pages pages;
    (void)state;
    pages_make(&pages);
    counters_papi(touch_pages, &pages, 3, groups_bit("tlb") | groups_bit("flops"), &set);
    assert_int_equal(set.count, 2);
    assert_true(isnan(counter_of(&set, "tlb_misses")->per_call) == !state_of("tlb_misses")->works ||
                counter_of(&set, "tlb_misses")->reason);
    if (!state_of("tlb_misses")->works && !state_of("flops")->works)
        assert_int_equal(pages.calls, 0);
    counters_papi(touch_pages, &pages, 3, groups_bit("system"), &set);
    assert_int_equal(set.count, 4);
    munmap(pages.memory, PAGES * pages.page_bytes);
}

/* 20 ms of processor time, however long it takes to get them. */
static void *spin(void *data)
{
    struct timespec spent = {0};
    while (spent.tv_sec == 0 && spent.tv_nsec < 20000000) {
        ++*(volatile int *)data;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    }
    return NULL;
}

static void call_thread(void *data)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, spin, data), 0);
    pthread_join(thread, NULL);
}

/* Work of other threads isn't counted: then there must be no number. */
static void test_papi_threads(void **state)
{
    static struct counter_set set;
    int spun = 0;
    (void)state;
    counters_papi(call_thread, &spun, 1, 0, &set);
    for (size_t i = 0; i < set.count; i++) {
        assert_true(isnan(set.counters[i].per_call));
        assert_non_null(set.counters[i].reason);
        if (state_of(set.counters[i].counter)->works)
            assert_non_null(strstr(set.counters[i].reason, "other threads"));
    }
}

/* ---- Callgrind's file ------------------------------------------------------------------------ */

#define HEAD "# callgrind format\nversion: 1\ncreator: callgrind-3.19.0\npositions: line\n"
#define EVENTS "events: Ir Dr Dw I1mr D1mr D1mw ILmr DLmr DLmw\n"

static void test_callgrind_parse(void **state)
{
    static const char good[] = HEAD EVENTS "summary: 0\n\nfn=(1) totals: 5\n0 6003 2001\n\n"
                                           "totals: 6008 2002 1002 9 30 12 1 20 2\n";
    struct callgrind_totals totals = {-1, -1, -1, -1, -1, -1, -1};
    char reason[COUNTER_REASON_SIZE] = "";
    (void)state;
    assert_true(callgrind_parse(good, &totals, reason));
    assert_near(totals.instructions, 6008);
    assert_near(totals.data_reads, 2002);
    assert_near(totals.data_writes, 1002);
    assert_near(totals.l1d_misses, 42);
    assert_near(totals.ll_misses, 23);
    assert_near(totals.ll_data_misses, 22);

    /* Zeros at the end of a line are left out. */
    assert_true(callgrind_parse(HEAD EVENTS "totals: 6008 2002\n", &totals, reason));
    assert_near(totals.data_reads, 2002);
    assert_true(totals.data_writes <= 0 && totals.l1d_misses <= 0 && totals.ll_misses <= 0);
}

static void test_callgrind_damaged(void **state)
{
    static const struct {
        const char *text, *words;
    } rows[] = {
        {HEAD EVENTS "summary: 0\n\nfn=(1) f\n0 6003 2001\n", "cut short"},
        {HEAD EVENTS "totals: 6008 20", "cut short"},
        {HEAD, "cut short"},
        {"", "none of its own"},
        {"totals: 1 2 3\n", "none of its own"},
        {HEAD "events: Ir\ntotals: 6008\n", "lacks counts"},
        {HEAD EVENTS "totals: 6008 many 3\n", "no numbers"},
        {HEAD EVENTS "totals: -6008 2002\n", "no numbers"},
        {HEAD EVENTS "totals: 6008 -1\n", "no numbers"},
        {HEAD EVENTS "totals: 0x1778 2002\n", "no numbers"},
        {HEAD EVENTS "totals: 6e3 2002\n", "no numbers"},
        {HEAD EVENTS "totals: 6008.5\n", "no numbers"},
        {HEAD EVENTS "totals: inf\n", "no numbers"},
        {HEAD EVENTS "totals: 6008 \t\n2002 9\n", "no numbers"},
        {HEAD EVENTS "totals: \f\n6008\n", "no numbers"},
        {HEAD EVENTS "totals: 99999999999999999999\n", "no numbers"},
        {HEAD EVENTS "totals: 6008,2002\n", "no numbers"},
        {HEAD EVENTS "totals: +6008 2002\n", "no numbers"},
        {HEAD EVENTS "totals: 6008 2002\r\n", "no numbers"},
        {HEAD EVENTS "totals: 6008 1 2 3 4 5 6 7 8 9\n", "more totals than events"},
        {HEAD EVENTS "totals: 18446744073709551615 1\n", "no numbers"},
        {HEAD EVENTS "totals: 0\n", "counted nothing"},
        {HEAD EVENTS "totals:\n", "counted nothing"},
    };
    struct callgrind_totals totals = {7, 7, 7, 7, 7, 7, 7};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char reason[COUNTER_REASON_SIZE] = "";
        if (callgrind_parse(rows[i].text, &totals, reason) || !strstr(reason, rows[i].words))
            fail_msg("row %zu: \"%s\", expected \"%s\"", i, reason, rows[i].words);
        assert_near(totals.instructions, 7);
    }
}

static void assert_geometry(size_t bytes, int ways, int line, size_t ret_bytes, int ret_ways)
{
    struct cache_geometry cache = valgrind_geometry(bytes, ways, line);
    assert_int_equal(cache.bytes, ret_bytes);
    assert_int_equal(cache.ways, ret_ways);
}

static void test_geometry(void **state)
{
    (void)state;
    assert_geometry(48 << 10, 12, 64, 48 << 10, 12);
    assert_geometry(1 << 20, 8, 64, 1 << 20, 8);
    assert_geometry(36 << 20, 12, 64, 36 << 20, 18); /* 49152 sets become 32768 */
    assert_geometry(32 << 20, 0, 0, 32 << 20, 8);
    for (size_t bytes = 1; bytes < (size_t)1 << 31; bytes = bytes * 3 / 2 + 7)
        for (int ways = 0; ways < 24; ways += 5) {
            struct cache_geometry cache = valgrind_geometry(bytes, ways, 64);
            size_t sets = cache.bytes / ((size_t)cache.ways * (size_t)cache.line);
            assert_true(sets > 0 && (sets & (sets - 1)) == 0);
            assert_int_equal(sets * (size_t)cache.ways * (size_t)cache.line, cache.bytes);
            if (bytes >= 64 * 24)
                assert_true(cache.bytes <= bytes && cache.bytes > bytes / 4 * 3);
        }
}

/* ---- FLOPs of instructions ------------------------------------------------------------------- */

static void test_decode(void **state)
{
    static const struct {
        unsigned char code[8];
        double flops;
        const char *text;
    } rows[] = {
        {{0x0f, 0x58, 0xc1}, 4, "addps xmm"},
        {{0xf3, 0x0f, 0x58, 0xc1}, 1, "addss"},
        {{0x66, 0x0f, 0x58, 0xc1}, 2, "addpd xmm"},
        {{0xf2, 0x0f, 0x5c, 0xc1}, 1, "subsd"},
        {{0xf3, 0x44, 0x0f, 0x59, 0x00}, 1, "mulss with REX"},
        {{0x66, 0x41, 0x0f, 0x5e, 0xc0}, 2, "divpd with REX"},
        {{0x64, 0xf3, 0x0f, 0x59, 0x00}, 1, "mulss fs:"},
        {{0x0f, 0x51, 0xc1}, 4, "sqrtps"},
        {{0x66, 0x0f, 0x7c, 0xc1}, 2, "haddpd"},
        {{0xf2, 0x0f, 0xd0, 0xc1}, 4, "addsubps"},
        {{0xc5, 0xf4, 0x58, 0xc1}, 8, "vaddps ymm"},
        {{0xc5, 0xf0, 0x58, 0xc1}, 4, "vaddps xmm"},
        {{0xc5, 0xf5, 0x59, 0xc1}, 4, "vmulpd ymm"},
        {{0xc5, 0xf2, 0x5c, 0xc1}, 1, "vsubss"},
        {{0xc4, 0xc1, 0x74, 0x58, 0xc1}, 8, "vaddps ymm, long"},
        {{0xc5, 0xf3, 0x7c, 0xc1}, 4, "vhaddps xmm"},
        {{0xc4, 0xe2, 0x75, 0xb8, 0xc2}, 16, "vfmadd231ps ymm"},
        {{0xc4, 0xe2, 0x71, 0xb8, 0xc2}, 8, "vfmadd231ps xmm"},
        {{0xc4, 0xe2, 0xf5, 0xa8, 0xc2}, 8, "vfmadd213pd ymm"},
        {{0xc4, 0xe2, 0x71, 0x99, 0xc2}, 2, "vfmadd132ss"},
        {{0xc4, 0xe2, 0xf1, 0xbf, 0xc2}, 2, "vfnmsub231sd"},
        {{0xc4, 0xe2, 0x75, 0x96, 0xc2}, 16, "vfmaddsub132ps ymm"},
        {{0x0f, 0x28, 0xc1}, 0, "movaps"},
        {{0x01, 0xc8}, 0, "add eax"},
        {{0x0f, 0x5b, 0xc1}, 0, "cvtdq2ps"},
        {{0x0f, 0x2f, 0xc1}, 0, "comiss"},
        {{0xb8, 0x0f, 0x58, 0x00, 0x00}, 0, "mov eax, 0x580f"},
        {{0xc5, 0xf5, 0xfe, 0xc2}, 0, "vpaddd ymm"},
        {{0xc5, 0xf4, 0x5f, 0xc1}, 0, "vmaxps ymm"},
        {{0xc4, 0xe2, 0x7d, 0x18, 0x00}, 0, "vbroadcastss"},
        {{0xc4, 0xe2, 0x75, 0x92, 0x04, 0x00}, 0, "vgatherdps"},
        {{0xc4, 0xe3, 0x75, 0x98, 0xc2, 0x01}, 0, "a code of FMA in another map"},
        {{0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66}, 0, "prefixes only"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double flops = flops_of_instruction(rows[i].code, sizeof rows[i].code);
        if (!(fabs(flops - rows[i].flops) < 0.5))
            fail_msg("%s: %g, expected %g", rows[i].text, flops, rows[i].flops);
        for (size_t size = 0; size < 3; size++) /* cut short: 0, or what is known by then */
            flops = flops_of_instruction(rows[i].code, size);
    }
}

#if defined(__x86_64__)

static void assert_dump(const char *text, double flops, const char *words)
{
    char reason[COUNTER_REASON_SIZE] = "";
    double seen = -1;
    bool ok = flops_of_dump(text, &seen, reason);
    if (ok != !words || (words && !strstr(reason, words)) || !(fabs(seen - flops) < 0.5))
        fail_msg("%g, reason \"%s\"", seen, reason);
}

/* Code of this test's own, as a callgrind file would name it: what belongs to no object. */
static void test_dump(void **state)
{
    static const unsigned char code[32] = {0xc5, 0xf4, 0x58, 0xc1, 0x01, 0xc8};
    char text[512];
    (void)state;
    snprintf(text, sizeof text,
             "positions: instr\nevents: Ir Dr\nob=\?\?\?\nfn=f\n%p 10 3\n%p 7\n"
             "calls=3 0x0\n%p 1000\n%p 2\n\ntotals: 17 3\n",
             (const void *)code, (const void *)(code + 4), (const void *)code, (const void *)code);
    assert_dump(text, 8 * 12, NULL);
    void *generated = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(generated != MAP_FAILED);
    memcpy(generated, code, sizeof code);
    snprintf(text, sizeof text, "positions: instr\nevents: Ir\nob=/proc/self/exe\n%p 10\n",
             generated);
    assert_dump(text, 8 * 10, NULL);
    munmap(generated, 4096);
    assert_dump("positions: line\nevents: Ir\n0 5\n", -1, "by instruction");
    assert_dump("positions: instr\nevents: Ir\nob=/nowhere/lib.so\n0x10 5\n", -1, "isn't mapped");
    assert_dump("positions: instr\nevents: Ir\nob=\?\?\?\n0x10 5\n", -1, "can't be read");
    static const char *const costs[] = {"0x10 -5", "0x10 0x5",   "0x10 5e3",
                                        "0x10\t5", "0x10, 5",    "0x10 many",
                                        "0x 5",    "0x10 \t\n5", "0x11111111111111111 5"};
    for (size_t i = 0; i < sizeof costs / sizeof *costs; i++) {
        snprintf(text, sizeof text, "positions: instr\nevents: Ir\nob=\?\?\?\n%s\n", costs[i]);
        assert_dump(text, -1, "no address and count");
    }
}

#endif

/* ---- Children -------------------------------------------------------------------------------- */

static enum child_end last_end; /* of run_shell */

static bool run_shell(const char *script, double limit_s, char *reason)
{
    char shell[] = "sh", option[] = "-c", text[300], *argv[] = {shell, option, text, NULL};
    snprintf(text, sizeof text, "%s", script);
    struct child child = {.path = "/bin/sh",
                          .argv = argv,
                          .environment = environ,
                          .limit_s = limit_s,
                          .end = &last_end};
    return child_run(&child, reason, COUNTER_REASON_SIZE);
}

/* FOLDER/NAME, and in it `program`: a folder or a file, which may be run or not. */
static void make_program(const char *folder, const char *name, mode_t mode, bool is_folder)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/%s/program", folder, name);
    int file = is_folder ? mkdir(path, mode) : open(path, O_CREAT | O_WRONLY, mode);
    assert_true(file >= 0);
    if (!is_folder)
        close(file);
}

static void remove_program(const char *folder, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s/program", folder, name);
    assert_int_equal(remove(path), 0);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(remove(path), 0);
}

/* Folders of the program's name and files that can't run are passed over. */
static void test_child_find(void **state)
{
    char folder[] = "/tmp/midl-find-XXXXXX", path[256], found[256];
    const char *before = getenv("PATH");
    char *kept = strdup(before ? before : "");
    (void)state;
    assert_non_null(mkdtemp(folder));
    make_program(folder, "a", 0700, true);
    make_program(folder, "b", 0600, false);
    make_program(folder, "c", 0700, false);
    snprintf(path, sizeof path, "%s/a:%s/b:%s/c", folder, folder, folder);
    setenv("PATH", path, 1);
    assert_true(child_find("program", found, sizeof found));
    assert_string_equal(found + strlen(folder), "/c/program");
    path[strlen(path) - 2 - strlen(folder) - 1] = '\0';
    setenv("PATH", path, 1);
    assert_false(child_find("program", found, sizeof found));
    setenv("PATH", kept, 1);
    free(kept);
    for (const char *name = "abc"; *name; name++)
        remove_program(folder, (char[]){*name, '\0'});
    assert_int_equal(rmdir(folder), 0);
}

static void test_child(void **state)
{
    char reason[COUNTER_REASON_SIZE] = "", nowhere[] = "nowhere", *argv[] = {nowhere, NULL};
    (void)state;
    assert_true(run_shell("exit 0", 60, reason));
    assert_int_equal(last_end, CHILD_DONE);
    assert_false(run_shell("exit 3", 60, reason));
    assert_string_equal(reason, "exit status 3");
    assert_int_equal(last_end, CHILD_FAILED);
    assert_false(run_shell("kill -ILL $$", 60, reason));
    assert_non_null(strstr(reason, "signal 4"));
    assert_int_equal(last_end, CHILD_KILLED);
    assert_false(run_shell("kill -KILL $$", 60, reason));
    assert_int_equal(last_end, CHILD_KILLED);
    assert_false(run_shell("sleep 600", 0.05, reason)); /* killed by this program: not by itself */
    assert_int_equal(last_end, CHILD_CUT);
    assert_non_null(strstr(reason, "longer than 0.05 s"));
    stop_requested = 1;
    assert_false(run_shell("sleep 600", 600, reason));
    stop_requested = 0;
    assert_string_equal(reason, "interrupted");
    assert_true(
        run_shell("read a b c d group rest </proc/self/stat && [ $group = $$ ]", 60, reason));
    struct child child = {
        .path = "/nowhere/at/all", .argv = argv, .environment = environ, .limit_s = 60};
    assert_false(child_run(&child, reason, sizeof reason));
    assert_non_null(strstr(reason, "can't be started"));
}

/* The time that a child gets that never ends: longer from try to try, because on a busy machine it
 * may be over before the child said anything. */
#define EACH_LIMIT(limit_s)                                                                        \
    double limit_s = 0.25;                                                                         \
    limit_s < 200;                                                                                 \
    limit_s *= 2

/* What a child says reaches its parent, the beginning of it, whatever becomes of the child. */
static void test_child_says(void **state)
{
    char reason[COUNTER_REASON_SIZE], said[8] = "";
    char shell[] = "sh", option[] = "-c", text[] = "pwd; echo error >&2; sleep 600",
         *argv[] = {shell, option, text, NULL};
    struct child child = {.path = "/bin/sh",
                          .argv = argv,
                          .environment = environ,
                          .folder = "/",
                          .said = said,
                          .said_size = sizeof said};
    (void)state;
    for (EACH_LIMIT(limit_s)) {
        child.limit_s = limit_s;
        assert_false(child_run(&child, reason, sizeof reason));
        assert_non_null(strstr(reason, "longer than"));
        if (strcmp(said, "/\nerror") == 0)
            break;
        assert_memory_equal(said, "/\nerror", strlen(said));
    }
    assert_string_equal(said, "/\nerror");
    child.limit_s = 60;
    child.folder = "/nowhere/at/all";
    assert_false(child_run(&child, reason, sizeof reason));
    assert_string_equal(said, "");
}

/* A program that took too long, and the process that it had started and named; 0: it came to
 * neither. */
static int left_behind(double limit_s)
{
    char reason[COUNTER_REASON_SIZE], script[256], path[64] = "/tmp/midl-child-XXXXXX";
    int fd = mkstemp(path), pid = 0;
    assert_true(fd >= 0);
    snprintf(script, sizeof script, "sleep 600 & echo $! >%s; wait", path);
    assert_false(run_shell(script, limit_s, reason));
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    bool named = fscanf(file, "%d", &pid) == 1;
    fclose(file);
    close(fd);
    unlink(path);
    return named ? pid : 0;
}

/* What a program started ends with it, when it took too long. */
static void test_child_ends_all(void **state)
{
    int pid = 0;
    (void)state;
    for (EACH_LIMIT(limit_s))
        if ((pid = left_behind(limit_s)) != 0)
            break;
    assert_true(pid > 0);
    char stat_path[64], program[64] = "";
    snprintf(stat_path, sizeof stat_path, "/proc/%d/stat", pid);
    for (int i = 0; i < 30000; i++) { /* until it is gone, or left as a zombie */
        char process_state = 'Z';
        FILE *file = fopen(stat_path, "r");
        bool there = file && fscanf(file, "%*d %63s %c", program, &process_state) == 2;
        if (file)
            fclose(file);
        if (!there || process_state == 'Z')
            return;
        usleep(10000);
    }
    fail_msg("process %d lives on", pid);
}

/* ---- Simulated counts ------------------------------------------------------------------------ */

/* Count the one case that these axes name. */
static void count_axes(const char *const (*axes)[2], size_t count, struct counter_set *ret)
{
    struct suite *suite;
    struct error error;
    struct bench_cases cases = {0};
    assert_int_equal(suite_custom(&suite, &error), OUTCOME_DONE);
    for (size_t i = 0; i < count; i++)
        if (suite_set_axis(suite, (enum axis_id)suite_axis_find(axes[i][0]), axes[i][1], &error))
            fail_msg("%s", error.text);
    if (suite_expand(suite, &cases, &error))
        fail_msg("%s", error.text);
    assert_int_equal(cases.count, 1);
    count_case(&cases.cases[0], 0, ret);
    bench_cases_clear(&cases);
    suite_destroy(suite);
}

static bool countable(void)
{
    const char *reason = valgrind_unavailable();
    if (reason)
        print_message("not tested: %s\n", reason);
    return !reason;
}

#define CALLGRIND_ROWS 7
#if defined(__x86_64__)
#define FLOPS_DECODED true
#else
#define FLOPS_DECODED false
#endif

static void assert_refused(const struct counter_set *set, const char *words)
{
    assert_int_equal(set->count, CALLGRIND_ROWS);
    for (size_t i = 0; i < set->count; i++) {
        assert_true(isnan(set->counters[i].per_call));
        assert_string_equal(set->counters[i].source, "callgrind");
        if (!strstr(set->counters[i].reason, words))
            fail_msg("\"%s\", expected \"%s\"", set->counters[i].reason, words);
    }
}

static void assert_counted(const struct counter_set *set)
{
    assert_int_equal(set->count, CALLGRIND_ROWS);
    for (size_t i = 0; i < set->count; i++)
        if (!isfinite(set->counters[i].per_call) &&
            (FLOPS_DECODED || strcmp(set->counters[i].counter, "flops") != 0))
            fail_msg("%s: %s", set->counters[i].counter, set->counters[i].reason);
}

/* What was executed is what the model says and, in these small rows, the sums of vectors and a
 * polynomial a sigmoid: 8 lanes of two accumulators a row, 64 FLOPs a selected neuron. */
static void assert_flops(const struct store_counter *row, size_t d, size_t n, size_t k,
                         size_t batch)
{
    struct midl_shape shape = {.d = d, .n = n, .k = k, .r = 2, .rg = 2};
    shape.gate = MIDL_GATE_LOWRANK;
    struct midl_parts parts = midl_layer_flops(&shape, batch, batch * k);
    double model = midl_parts_sum(&parts), rows = (double)(batch * (n + n + k + 4));
    double most = model + 32 * rows + 64.0 * (double)(batch * k);
    if (!(row->per_call >= model && row->per_call <= most))
        fail_msg("%.0f FLOPs executed, the model has %.0f", row->per_call, model);
}

static void test_callgrind_same_twice(void **state)
{
    static const char *const axes[][2] = {
        {"n", "64"}, {"d", "96"}, {"k", "16"}, {"kernel", "masked"}, {"batch", "2"}};
    static struct counter_set first, second;
    (void)state;
    if (!countable())
        return;
    count_axes(axes, 5, &first);
    count_axes(axes, 5, &second);
    assert_counted(&first);
    for (size_t i = 0; i < first.count; i++)
        assert_true(!isfinite(first.counters[i].per_call) ||
                    (first.counters[i].per_call <= second.counters[i].per_call &&
                     first.counters[i].per_call >= second.counters[i].per_call));
    /* Each selected row is read once an input, in vectors that callgrind counts as four-byte or
     * wider reads; nothing needs a hundred instructions a weight. */
    double weights = 2 * 16 * 96;
    double instructions = counter_of(&first, "instructions")->per_call;
    assert_true(instructions > weights / 16 && instructions < 100 * weights);
    assert_true(counter_of(&first, "data_reads")->per_call > weights / 16);
    if (FLOPS_DECODED)
        assert_flops(counter_of(&first, "flops"), 96, 64, 16, 2);
    assert_int_equal(scratch_entries(), 0);
}

static void assert_verdict(struct cost_count count, double model, double most,
                           enum cost_verdict verdict)
{
    count.model = model;
    if (cost_judge(&count, most) != verdict)
        fail_msg("counted %.0f, model %.0f: verdict %d", count.counted, model,
                 (int)cost_judge(&count, most));
}

/* A true model is right; one that lacks a part, or has some of it twice, is wrong, each time
 * against what was really counted. */
static void test_cost_check(void **state)
{
    const struct cost_shape *shapes;
    struct bench_cases cases = {0};
    struct cost_check check;
    struct error error;
    (void)state;
    if (!countable())
        return;
    cost_check_shapes(&shapes);
    assert_int_equal(
        cost_check_case(&shapes[0], midl_variant_find("masked", MIDL_F32), &cases, &error),
        OUTCOME_DONE);
    if (cost_check_run(&cases.cases[0], &check, &error) != OUTCOME_DONE)
        fail_msg("%s", error.text);
    struct midl_cost cost =
        midl_variant_cost(cases.cases[0].variant, &cases.cases[0].shape.layer, 1, NULL);
    struct midl_excess most = midl_variant_excess(cases.cases[0].variant);
    bench_cases_clear(&cases);
    double flops = midl_cost_flops(&cost), bytes = midl_cost_bytes(&cost);
    assert_near(check.flops.model, flops);
    assert_near(check.bytes.model, bytes);
    if (FLOPS_DECODED) {
        assert_int_equal(cost_check_judge(&check, most), COST_RIGHT);
        assert_verdict(check.flops, flops - cost.flops.gate, most.flops, COST_WRONG);
        assert_verdict(check.flops, flops - cost.flops.light, most.flops, COST_WRONG);
        assert_verdict(check.flops, flops / 2, most.flops, COST_WRONG);
        assert_verdict(check.flops, flops + cost.flops.gate, most.flops, COST_WRONG);
        assert_verdict(check.flops, NAN, most.flops, COST_WRONG);
        check.bytes.model = bytes - cost.bytes.full;
        assert_int_equal(cost_check_judge(&check, most), COST_WRONG);
    }
    assert_verdict(check.bytes, bytes, most.bytes, COST_RIGHT);
    assert_verdict(check.bytes, bytes + cost.bytes.gate, most.bytes, COST_WRONG);
    assert_verdict(check.bytes, bytes - cost.bytes.full, most.bytes, COST_WRONG);
    check.flops.counted = NAN;
    assert_verdict(check.flops, flops, most.flops, COST_UNKNOWN);
}

/* Empty caches miss at least every line of the weights; full ones hardly any. */
static void test_callgrind_cold(void **state)
{
    static const char *const warm[][2] = {{"n", "64"}, {"d", "256"}, {"kernel", "masked"}};
    static const char *const cold[][2] = {
        {"n", "64"}, {"d", "256"}, {"kernel", "masked"}, {"cache", "cold"}};
    static struct counter_set set;
    double lines = 29 * 256 * 4 / 64; /* k = 0.45 n */
    (void)state;
    if (!countable())
        return;
    count_axes(warm, 3, &set);
    assert_counted(&set);
    assert_true(counter_of(&set, "ll_misses")->per_call < lines / 4);
    count_axes(cold, 4, &set);
    assert_counted(&set);
    assert_true(counter_of(&set, "ll_misses")->per_call >= lines);
    assert_true(counter_of(&set, "l1d_misses")->per_call >= lines);
}

static void test_callgrind_refused(void **state)
{
    static const char *const wide[][2] = {{"n", "64"}, {"kernel", "simd-avx512"}};
    static const char *const threads[][2] = {{"n", "64"}, {"kernel", "masked"}, {"threads", "2"}};
    static const char *const large[][2] = {{"n", "4096"}, {"kernel", "linear"}, {"batch", "4096"}};
    static struct counter_set set;
    (void)state;
    if (!countable()) {
        count_axes(threads, 3, &set);
        assert_refused(&set, valgrind_unavailable());
        return;
    }
    count_axes(wide, 2, &set);
    assert_refused(&set, "AVX-512");
    count_axes(threads, 3, &set);
    assert_refused(&set, "one thread");
    count_axes(large, 3, &set);
    assert_refused(&set, "the limit is 120 s");
}

/* The child's own words reach the row; an interrupt ends it at once; nothing is left behind. */
static void test_callgrind_failing(void **state)
{
    struct counter_set *set = test_malloc(sizeof *set);
    struct bench_case lost = {.shape = {.layer = {.d = 64, .n = 64, .r = 2, .rg = 2, .k = 8},
                                        .batch = 1,
                                        .threads = 1,
                                        .input_path = "/nowhere/x.safetensors",
                                        .seed = 1},
                              .variant = midl_variant_find("masked", MIDL_F32)};
    (void)state;
    if (countable()) {
        lost.shape.layer.gate = MIDL_GATE_LOWRANK;
        count_case(&lost, 0, set);
        assert_refused(set, "/nowhere/x.safetensors");
        lost.shape.input_path = NULL;
        stop_requested = 1;
        count_case(&lost, 0, set);
        stop_requested = 0;
        assert_refused(set, "interrupted");
        assert_int_equal(scratch_entries(), 0);
    }
    test_free(set);
}

static int use_scratch(void **state)
{
    int status = scratch_begin(state);
    return status == 0 ? setenv("TMPDIR", scratch_folder, 1) : status;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scale),
        cmocka_unit_test(test_probe),
        cmocka_unit_test(test_papi),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_groups_wanted),
        cmocka_unit_test(test_papi_group),
        cmocka_unit_test(test_papi_threads),
        cmocka_unit_test(test_callgrind_parse),
        cmocka_unit_test(test_callgrind_damaged),
        cmocka_unit_test(test_geometry),
        cmocka_unit_test(test_decode),
#if defined(__x86_64__)
        cmocka_unit_test(test_dump),
#endif
        cmocka_unit_test(test_child_find),
        cmocka_unit_test(test_child),
        cmocka_unit_test(test_child_says),
        cmocka_unit_test(test_child_ends_all),
        cmocka_unit_test(test_callgrind_same_twice),
        cmocka_unit_test(test_cost_check),
        cmocka_unit_test(test_callgrind_cold),
        cmocka_unit_test(test_callgrind_refused),
        cmocka_unit_test(test_callgrind_failing),
    };
    if (argc > 1 && strcmp(argv[1], "count-one") == 0)
        return command_count_one(argc - 1, argv + 1);
    return cmocka_run_group_tests(tests, use_scratch, scratch_end);
}
