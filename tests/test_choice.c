/* test_choice.c - what `auto` prepares and which of it a call takes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "choice.h"
#include "variant.h"
#include "verify/problem.h"

#include <cmocka.h> /* last: its macro `fail` would replace that of error.h */

/* A series whose time is base + rise * share for each input, as far as `cap`. */
static void add(struct midl_calibration *table, const char *idea, double base, double rise,
                double cap)
{
    struct calibration_series *series = calibration_add(table);
    assert_non_null(series);
    snprintf(series->idea, sizeof series->idea, "%s", idea);
    series->threads = 1;
    for (size_t w = 0; w < CALIBRATION_WIDTHS; w++)
        for (size_t s = 0; s < CALIBRATION_SHARES; s++)
            for (size_t b = 0; b < CALIBRATION_BATCHES; b++)
                series->time_ns[calibration_place(w, s, b)] =
                    (float)(fmin(base + rise * calibration_shares[s], cap) *
                            calibration_batches[b]);
}

static struct midl_shape shape_of(size_t n, size_t k)
{
    return (struct midl_shape){.d = n, .n = n, .k = k, .r = 1, .rg = 1, .gate = MIDL_GATE_LOWRANK};
}

/* lists in proportion to what is selected, hybrid with a border, dense-rows always the same. */
static struct midl_calibration three_ideas(void)
{
    struct midl_calibration table = {0};
    add(&table, "lists", 100, 2000, 1e9);
    add(&table, "hybrid", 130, 2000, 1330);
    add(&table, "dense-rows", 1200, 0, 1e9);
    return table;
}

static const char *name_of(const struct choice *choice, size_t i)
{
    return i < choice->count ? midl_variant_idea(choice->variants[i]) : "";
}

static bool prepared(const struct choice *choice, const char *idea)
{
    for (size_t i = 0; i < choice->count; i++)
        if (strcmp(name_of(choice, i), idea) == 0)
            return true;
    return false;
}

/* The variant that a plan takes for a share of all pairs, by name. */
static const char *taken(const struct choice *choice, size_t batch, double share,
                         const struct popularity *popularity)
{
    struct choice_times times = choice_times(choice, batch);
    return name_of(choice, choice_of(&times, choice->count, share, popularity));
}

/* Every how many there is one: `most` at most, at even distances. */
static size_t distance(size_t count, size_t most)
{
    size_t apart = 1;
    while (apart * most < count)
        apart++;
    return apart;
}

/* Popularity by counting each neuron's inputs one by one. */
static void popularity_is_what_counting_gives(void **state)
{
    (void)state;
    static const size_t batches[] = {1, 2, 3, 16, 64, 65, 128, 129, 300},
                        sizes[] = {1, 63, 64, 65, 200, 256, 257, 1000};
    struct rng rng = rng_seed(1);
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            size_t B = batches[i], n = sizes[s], stride = MIDL_BITS(n);
            size_t apart = distance(B, CHOICE_INPUTS), inputs = B / apart;
            size_t words = distance((n + 63) / 64, CHOICE_NEURONS / 64);
            uint8_t *bits = calloc(B, stride);
            struct popularity expected = {.inputs = (int)inputs};
            for (size_t j = 0; j < n; j++) {
                double share = rng_uniform(&rng);
                size_t count = 0;
                for (size_t b = 0; b < B; b++)
                    if (rng_uniform(&rng) < share) {
                        bits[b * stride + j / 8] |= (uint8_t)(1 << j % 8);
                        count += b % apart == 0 && b / apart < inputs;
                    }
                /* to the nearest eighth, halves upwards */
                if (j / 64 % words == 0)
                    expected.neurons[(2 * CHOICE_LEVELS * count + inputs) / (2 * inputs)]++;
            }
            struct popularity got = choice_popularity(bits, B, n);
            assert_memory_equal(&got, &expected, sizeof expected);
            free(bits);
        }
}

static void popular_neurons_decide(void **state)
{
    (void)state;
    struct midl_calibration table = three_ideas();
    struct midl_shape shape = shape_of(1024, 410);
    struct choice choice;
    assert_true(choice_prepare(&table, MIDL_F32, &shape, 64, 1, &choice));
    assert_string_equal(name_of(&choice, 0), "lists");
    assert_true(prepared(&choice, "hybrid"));
    const struct popularity uniform = {.inputs = 64, .neurons = {[3] = 256}};
    const struct popularity skewed = {.inputs = 64, .neurons = {[0] = 160, [8] = 96}};
    assert_string_equal(taken(&choice, 64, 0.375, &uniform), "lists");
    assert_string_equal(taken(&choice, 64, 0.375, &skewed), "hybrid");
    /* Of few inputs as well, if there are more of such neurons than chance would make. */
    const struct popularity few = {.inputs = 4, .neurons = {[0] = 160, [8] = 96}};
    assert_string_equal(taken(&choice, 4, 0.375, &few), "hybrid");
    free(table.series);
}

/* Of four inputs that select half of the neurons each, by chance a sixteenth are selected by all
 * and by none: as under uniform masks. */
static void chance_makes_no_favourites(void **state)
{
    (void)state;
    struct midl_calibration table = three_ideas();
    struct midl_shape shape = shape_of(1024, 512);
    struct choice choice;
    const struct popularity chance = {
        .inputs = 4, .neurons = {[0] = 16, [2] = 64, [4] = 96, [6] = 64, [8] = 16}};
    const struct popularity uniform = {.inputs = 64, .neurons = {[4] = 256}};
    const struct popularity skewed = {.inputs = 64, .neurons = {[0] = 128, [8] = 128}};
    assert_true(choice_prepare(&table, MIDL_F32, &shape, 64, 1, &choice));
    assert_string_equal(taken(&choice, 64, 0.5, &uniform), "lists");
    assert_string_equal(taken(&choice, 4, 0.5, &chance), "lists");
    assert_string_equal(taken(&choice, 4, 0.5, NULL), "lists");
    assert_string_equal(taken(&choice, 4, 0.5, &skewed), "hybrid");
    free(table.series);
}

static void the_number_of_pairs_decides(void **state)
{
    (void)state;
    struct midl_calibration table = three_ideas();
    struct midl_shape shape = shape_of(1024, 1024);
    struct choice choice;
    shape.select = MIDL_SELECT_THRESHOLD;
    assert_true(choice_prepare(&table, MIDL_F32, &shape, 8, 1, &choice));
    assert_string_equal(name_of(&choice, 0), "lists"); /* by what is expected, not by the cap */
    assert_true(choice.count > 1);
    assert_string_equal(taken(&choice, 8, 0.1, NULL), "lists");
    assert_string_not_equal(taken(&choice, 8, 0.98, NULL), "lists");
    assert_string_equal(taken(&choice, 8, 0, NULL), "lists");
    assert_string_not_equal(taken(&choice, 8, 1, NULL), "lists");
    /* The levels count a sample of the neurons; the number of pairs is that of all. */
    const struct popularity sample = {.inputs = 8, .neurons = {[2] = 256}};
    assert_string_equal(taken(&choice, 8, 0.25, &sample), "lists");
    assert_string_not_equal(taken(&choice, 8, 0.98, &sample), "lists");
    free(table.series);
}

/* Times are the table's, and those of the batch that is asked for. */
static void times_are_the_tables(void **state)
{
    (void)state;
    struct midl_calibration table = three_ideas();
    struct midl_shape shape = shape_of(1024, 410);
    struct choice choice;
    assert_true(choice_prepare(&table, MIDL_F32, &shape, 64, 1, &choice));
    for (size_t batch = 2; batch <= 64; batch *= 4) {
        struct choice_times times = choice_times(&choice, batch);
        assert_int_equal(times.batch, batch);
        for (size_t i = 0; i < choice.count; i++)
            for (int level = 1; level <= CHOICE_LEVELS; level++) {
                double expected =
                    exp(calibration_log_time(&choice.curves[i], level / 8.0, (double)batch));
                assert_true(fabs((double)times.time[i][level] / expected - 1) < 1e-6);
            }
    }
    free(table.series);
}

/* A plan's times follow the batch: a call is served as if it were the first. */
static void times_are_renewed(void **state)
{
    (void)state;
    enum { N = 128, B = 64 };
    struct midl_calibration table = {0};
    struct midl_shape shape = shape_of(N, 32);
    struct choice choice;
    struct choice_times times = {0};
    static uint8_t bits[B * MIDL_BITS(N)];
    static uint32_t count[B];
    struct midl_selection selection = {.count = count};
    add(&table, "lists", 100, 1000, 1e9);
    add(&table, "simd", 120, 1200, 1e9);
    for (size_t i = 0; i < CALIBRATION_PLACES; i++)
        if (i % CALIBRATION_BATCHES < 3)
            table.series[1].time_ns[i] /= 2;
    for (size_t b = 0; b < B; b++)
        for (size_t j = b % 4; j < N; j += 4) {
            bits[b * MIDL_BITS(N) + j / 8] |= (uint8_t)(1 << j % 8);
            count[b]++;
        }
    assert_true(choice_prepare(&table, MIDL_F32, &shape, B, 1, &choice));
    static const size_t batches[] = {64, 1, 4, 64, 2};
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
        selection.batch = batches[i];
        size_t got = choice_for(&choice, &times, &selection, bits);
        assert_string_equal(name_of(&choice, got), batches[i] == 64 ? "lists" : "simd");
        assert_int_equal(times.batch, batches[i]);
    }
    free(table.series);
}

/* Of few inputs that have favourites, blocks go by popularity, single neurons by the number of
 * pairs. */
static void blocks_of_few_inputs_have_favourites(void **state)
{
    (void)state;
    enum { N = 1024, B = 4 };
    struct midl_calibration table = three_ideas();
    static uint8_t bits[B * MIDL_BITS(N)];
    const uint32_t count[B] = {N / 2, N / 2, N / 2, N / 2};
    const struct midl_selection selection = {.batch = B, .count = count};
    for (size_t b = 0; b < B; b++)
        memset(bits + b * MIDL_BITS(N), 0xff, N / 16);
    for (int blocks = 0; blocks < 2; blocks++) {
        struct midl_shape shape = shape_of(N, N / 2);
        struct choice choice;
        struct choice_times times = {0};
        shape.select = blocks ? MIDL_SELECT_BLOCK : MIDL_SELECT_TOPK;
        shape.block = blocks ? 16 : 0;
        assert_true(choice_prepare(&table, MIDL_F32, &shape, 64, 1, &choice));
        assert_string_equal(name_of(&choice, choice_for(&choice, &times, &selection, bits)),
                            blocks ? "hybrid" : "lists");
    }
    free(table.series);
}

/* Nothing is prepared that wouldn't save anything, nor what can't serve the shape. */
static void what_saves_nothing_is_not_prepared(void **state)
{
    (void)state;
    struct midl_calibration table = {0};
    struct midl_shape shape = shape_of(512, 100);
    struct choice choice;
    assert_false(choice_prepare(&table, MIDL_F32, &shape, 64, 1, &choice));
    add(&table, "lists", 100, 1000, 1e9);
    add(&table, "masked", 99, 1000, 1e9);
    add(&table, "simd", 400, 4000, 1e9);
    add(&table, "block", 1, 1, 1e9);
    add(&table, "linear-rows", 1, 1, 1e9);
    assert_true(choice_prepare(&table, MIDL_F32, &shape, 64, 1, &choice));
    assert_int_equal(choice.count, 1);
    assert_string_equal(name_of(&choice, 0), "masked");
    free(table.series);
}

/* A variant that packs weights is taken where it saves 3 % of the time of one that packs none. */
static void a_tie_goes_to_what_needs_no_memory(void **state)
{
    (void)state;
    static const double shares[] = {0.98, 0.9};
    for (size_t i = 0; i < 2; i++)
        for (size_t batch = 1; batch <= 64; batch *= 64) {
            struct midl_calibration table = {0};
            struct midl_shape shape = shape_of(512, 100);
            struct choice choice;
            double share = shares[i];
            add(&table, "lists", 100 * share, 1000 * share, 1e9);
            add(&table, "simd", 100, 1000, 1e9);
            add(&table, "hybrid", 101, 1010, 1e9);
            assert_true(choice_prepare(&table, MIDL_F32, &shape, batch, 1, &choice));
            assert_int_equal(choice.count, 1);
            assert_string_equal(name_of(&choice, 0), share > 0.97 ? "simd" : "lists");
            free(table.series);
        }
}

/* A plan of `auto` against plans of the variants that it says it took: the same bits. */
static void calls_are_served_as_chosen(void **state)
{
    (void)state;
    enum { D = 40, N = 96, B = 32 };
    struct midl_calibration table = {0};
    struct midl_shape shape = {.d = D,
                               .n = N,
                               .k = N,
                               .r = 3,
                               .gate = MIDL_GATE_SHARED,
                               .select = MIDL_SELECT_THRESHOLD,
                               .threshold = 0.55f};
    struct problem problem;
    struct error error;
    struct midl_plan *plan = NULL;
    char reason[MIDL_REASON_SIZE];
    static float x[B * D], y[B * N], expected[B * N];
    static const char *const ideas[] = {"dense-rows", "lists"};
    add(&table, "lists", 100, 2000, 1e9);
    add(&table, "dense-rows", 900, 0, 1e9);
    assert_int_equal(problem_random(&shape, B, 1, FILL_NORMAL, &problem, &error), OUTCOME_DONE);
    struct midl_plan_options options = {.max_batch = B, .threads = 1, .calibration = &table};
    assert_int_equal(midl_plan_create(&problem.layer, &options, &plan, reason), MIDL_OK);
    free(table.series);
    assert_string_equal(midl_variant_idea(midl_plan_variant(plan)), "lists");
    for (int call = 0; call < 2; call++) { /* large inputs: half of the gates; zeros: none */
        struct midl_plan *own = NULL;
        for (size_t i = 0; i < B * D; i++)
            x[i] = call == 0 ? 20 * problem.x[i] : 0;
        assert_int_equal(midl_run(plan, B, x, y), MIDL_OK);
        assert_string_equal(midl_variant_idea(midl_plan_variant(plan)), ideas[call]);
        options.variant = ideas[call];
        assert_int_equal(midl_plan_create(&problem.layer, &options, &own, reason), MIDL_OK);
        assert_int_equal(midl_run(own, B, x, expected), MIDL_OK);
        assert_memory_equal(y, expected, sizeof y);
        midl_plan_destroy(own);
    }
    midl_plan_destroy(plan);
    problem_clear(&problem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(popularity_is_what_counting_gives),
        cmocka_unit_test(popular_neurons_decide),
        cmocka_unit_test(chance_makes_no_favourites),
        cmocka_unit_test(the_number_of_pairs_decides),
        cmocka_unit_test(times_are_the_tables),
        cmocka_unit_test(times_are_renewed),
        cmocka_unit_test(blocks_of_few_inputs_have_favourites),
        cmocka_unit_test(what_saves_nothing_is_not_prepared),
        cmocka_unit_test(a_tie_goes_to_what_needs_no_memory),
        cmocka_unit_test(calls_are_served_as_chosen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
