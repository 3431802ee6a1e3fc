/* test_memory.c - what a plan says that it holds is what it took, and running takes nothing: the
 * linker hands us every call of the library to the allocator. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "verify/problem.h"

#include <cmocka.h> /* last: its macro `fail` would replace that of error.h */

static size_t taken_bytes, calls;

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
void *__real_aligned_alloc(size_t align, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);
void *__wrap_aligned_alloc(size_t align, size_t bytes);

static void *noted(void *memory, size_t bytes)
{
    taken_bytes += bytes;
    calls++;
    return memory;
}

void *__wrap_malloc(size_t bytes)
{
    return noted(__real_malloc(bytes), bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    return noted(__real_calloc(count, bytes), count * bytes);
}

void *__wrap_realloc(void *memory, size_t bytes)
{
    return noted(__real_realloc(memory, bytes), bytes);
}

void *__wrap_aligned_alloc(size_t align, size_t bytes)
{
    return noted(__real_aligned_alloc(align, bytes), bytes);
}

static void expect_plan(const struct midl_variant *variant, const struct problem *problem,
                        size_t batch, int threads)
{
    const struct midl_shape *shape = &problem->layer.shape;
    struct midl_plan_options options = {.variant = midl_variant_name(variant),
                                        .dtype = midl_variant_dtype(variant),
                                        .max_batch = batch,
                                        .threads = threads};
    struct midl_plan *plan = NULL;
    char reason[MIDL_REASON_SIZE];
    float *y = malloc(batch * shape->n * sizeof *y);
    assert_non_null(y);
    taken_bytes = calls = 0;
    assert_int_equal(midl_plan_create(&problem->layer, &options, &plan, reason), MIDL_OK);
    size_t of_plan = taken_bytes;
    calls = 0;
    assert_int_equal(midl_run(plan, batch, problem->x, y), MIDL_OK);
    size_t of_run = calls;
    /* oneDNN takes its workspace itself, out of our sight. */
    bool hidden = strcmp(midl_variant_idea(variant), "linear-onednn") == 0;
    if (hidden ? midl_plan_bytes(plan) < of_plan : midl_plan_bytes(plan) != of_plan)
        fail_msg("%s, batch %zu, %d threads: says %zu bytes, took %zu", options.variant, batch,
                 threads, midl_plan_bytes(plan), of_plan);
    if (of_run > 0)
        fail_msg("%s, batch %zu: a run called the allocator %zu times", options.variant, batch,
                 of_run);
    midl_plan_destroy(plan);
    free(y);
}

/* Every variant that serves the shape, at batches on both sides of what variants take in one go. */
static void expect_plans(const struct bench_shape *shape)
{
    const size_t batches[] = {1, 3, 200};
    struct problem problem;
    struct error error;
    size_t seen = 0;
    assert_int_equal(problem_load(shape, &problem, &error), OUTCOME_DONE);
    for (size_t v = 0; v < midl_variant_count(); v++) {
        const struct midl_variant *variant = midl_variant_at(v);
        for (size_t i = 0; i < 3; i++) {
            for (int threads = 1; threads <= 2; threads++) {
                char reason[MIDL_REASON_SIZE];
                if (midl_variant_fits(variant, &shape->layer, batches[i], threads, reason) !=
                    MIDL_OK)
                    continue;
                expect_plan(variant, &problem, batches[i], threads);
                seen++;
            }
        }
    }
    assert_true(seen > 0);
    problem_clear(&problem);
}

static struct bench_shape shape_of(enum midl_select select, enum midl_gate gate, size_t d, size_t n)
{
    return (struct bench_shape){.batch = 200,
                                .threads = 1,
                                .layer = {.d = d,
                                          .n = n,
                                          .r = 3,
                                          .rg = 5,
                                          .k = n / 2 / 16 * 16,
                                          .gate = gate,
                                          .select = select,
                                          .block = select == MIDL_SELECT_BLOCK ? 16 : 0,
                                          .threshold = 0.5f}};
}

static void test_plans(void **state)
{
    (void)state;
    for (int gate = MIDL_GATE_FULL; gate <= MIDL_GATE_SHARED; gate++) {
        for (int select = MIDL_SELECT_TOPK; select <= MIDL_SELECT_THRESHOLD; select++) {
            struct bench_shape shape =
                shape_of((enum midl_select)select, (enum midl_gate)gate, 67, 96);
            expect_plans(&shape);
        }
    }
}

/* Arrays of some megabytes are taken in huge pages: more than was asked for. */
static void test_huge_pages(void **state)
{
    (void)state;
    struct bench_shape shape = shape_of(MIDL_SELECT_BLOCK, MIDL_GATE_LOWRANK, 1100, 1024);
    expect_plans(&shape);
    shape = shape_of(MIDL_SELECT_TOPK, MIDL_GATE_LOWRANK, 1100, 1024);
    expect_plans(&shape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_plans),
                                       cmocka_unit_test(test_huge_pages)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
