/* calibration.c - the table by which `auto` chooses: its text form, and the choice. */
#include "calibration.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels_id.h"
#include "midl_config.h"
#include "variant.h"

const double calibration_widths[] = {128, 256, 512, 1024, 2048, 4096};
const double calibration_shares[] = {0.05, 0.1, 0.25, 0.45, 0.65, 0.8, 1};
const double calibration_batches[] = {1, 2, 4, 8, 16, 32, 64, 256};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- Building -------------------------------------------------------------------------------- */

struct calibration_series *calibration_add(struct midl_calibration *calibration)
{
    size_t count = calibration->count + 1;
    struct calibration_series *series =
        realloc(calibration->series, count * sizeof *calibration->series);
    if (!series)
        return NULL;
    calibration->series = series;
    calibration->count = count;
    series[count - 1] = (struct calibration_series){.idea = ""};
    return &series[count - 1];
}

void midl_calibration_destroy(struct midl_calibration *calibration)
{
    if (!calibration)
        return;
    free(calibration->series);
    free(calibration);
}

void midl_build_id(char ret[MIDL_BUILD_ID_SIZE])
{
    char kernels[24] = MIDL_SOURCES_ID;
    uint64_t code = code_hash_all();
    uint32_t flags = 2166136261; /* FNV-1a: a text of any length, which must not be cut */
    if (code != 0)
        snprintf(kernels, sizeof kernels, "%016llx", (unsigned long long)code);
    for (const char *c = MIDL_FLAGS; *c; c++)
        flags = (flags ^ (unsigned char)*c) * 16777619;
    snprintf(ret, MIDL_BUILD_ID_SIZE, "%s, kernels %s, %s, %s, flags %08x", midl_version(), kernels,
             midl_isa_name(midl_isa_best()), MIDL_COMPILER, (unsigned)flags);
}

/* The range of times. */
static const double LEAST_NS = 1, MOST_NS = 1e14;

/* ---- Writing --------------------------------------------------------------------------------- */

/* A text that grows; NULL once there was no memory. */
struct text {
    char *start;
    size_t used, size;
};

__attribute__((format(printf, 2, 3))) static void append(struct text *text, const char *format, ...)
{
    va_list arguments;
    if (!text->start)
        return;
    va_start(arguments, format);
    int length = vsnprintf(text->start + text->used, text->size - text->used, format, arguments);
    va_end(arguments);
    if (text->used + (size_t)length < text->size) {
        text->used += (size_t)length;
        return;
    }
    size_t size = 2 * (text->size + (size_t)length);
    char *larger = realloc(text->start, size);
    if (!larger) {
        free(text->start);
        text->start = NULL;
        return;
    }
    text->start = larger;
    text->size = size;
    va_start(arguments, format);
    text->used +=
        (size_t)vsnprintf(text->start + text->used, text->size - text->used, format, arguments);
    va_end(arguments);
}

static struct text text_begin(void)
{
    const size_t size = 4096;
    char *start = malloc(size);
    if (start)
        *start = '\0';
    return (struct text){start, 0, size};
}

/* A number below 1e15, rounded to thousandths, or from four digits in front of the point on to
 * these. The same text in every locale: no conversion of %g or %f. */
static void append_number(struct text *text, double value)
{
    int digits = value < 10 ? 3 : value < 100 ? 2 : value < 1000 ? 1 : 0;
    long long unit = digits == 3 ? 1000 : digits == 2 ? 100 : digits == 1 ? 10 : 1;
    long long units = llround(value * (double)unit), rest = units % unit;
    for (; digits > 0 && rest % 10 == 0; digits--)
        rest /= 10;
    append(text, "%lld", units / unit);
    if (digits > 0)
        append(text, ".%0*lld", digits, rest);
}

static void append_axis(struct text *text, const char *name, const double *values, size_t count)
{
    append(text, "%s", name);
    for (size_t i = 0; i < count; i++) {
        append(text, " ");
        append_number(text, values[i]);
    }
    append(text, "\n");
}

static const char *selection_word(bool blocks)
{
    return blocks ? "block16" : "topk";
}

/* One line a width. */
static void append_times(struct text *text, const struct calibration_series *series)
{
    const size_t row = CALIBRATION_SHARES * CALIBRATION_BATCHES;
    for (size_t i = 0; i < CALIBRATION_PLACES; i++) {
        append_number(text, fmin(fmax(LEAST_NS, (double)series->time_ns[i]), MOST_NS));
        append(text, i % row + 1 < row ? " " : "\n");
    }
}

char *calibration_text(const struct midl_calibration *calibration, const char *machine)
{
    struct text text = text_begin();
    char build[MIDL_BUILD_ID_SIZE];
    midl_build_id(build);
    append(&text, "midl calibration 1\nmachine %s\nbuild %s\n", machine, build);
    append_axis(&text, "n", calibration_widths, CALIBRATION_WIDTHS);
    append_axis(&text, "active", calibration_shares, CALIBRATION_SHARES);
    append_axis(&text, "batch", calibration_batches, CALIBRATION_BATCHES);
    for (size_t i = 0; i < calibration->count; i++) {
        const struct calibration_series *series = &calibration->series[i];
        append(&text, "times %s %s %s %d\n", series->idea, midl_dtype_name(series->dtype),
               selection_word(series->blocks), series->threads);
        append_times(&text, series);
    }
    append(&text, "end\n");
    return text.start;
}

static bool same_group(const struct calibration_series *a, const struct calibration_series *b)
{
    return a->dtype == b->dtype && a->blocks == b->blocks && a->threads == b->threads;
}

/* The least time of the series' group at a place. */
static double least_time(const struct midl_calibration *calibration,
                         const struct calibration_series *series, size_t place)
{
    double least = INFINITY;
    for (size_t i = 0; i < calibration->count; i++)
        if (same_group(&calibration->series[i], series))
            least = fmin(least, (double)calibration->series[i].time_ns[place]);
    return least;
}

/* Whether the series comes within the margin of the fastest of its group somewhere. */
static bool matters(const struct midl_calibration *calibration,
                    const struct calibration_series *series, double margin)
{
    for (size_t place = 0; place < CALIBRATION_PLACES; place++)
        if ((double)series->time_ns[place] <= margin * least_time(calibration, series, place))
            return true;
    return false;
}

uint8_t calibration_slower(double time_ns, double least_ns)
{
    if (time_ns <= least_ns)
        return 0;
    return (uint8_t)fmin(fmax(round(100 * log(time_ns / least_ns)), 1), 255);
}

/* Whether an earlier series is of the same group and goes into the source, too. */
static bool group_begun(const struct midl_calibration *calibration, size_t before, double margin)
{
    for (size_t i = 0; i < before; i++)
        if (same_group(&calibration->series[i], &calibration->series[before]) &&
            matters(calibration, &calibration->series[i], margin))
            return true;
    return false;
}

/* One line a width. */
static void append_least(struct text *text, const struct midl_calibration *calibration,
                         const struct calibration_series *series)
{
    const size_t row = CALIBRATION_SHARES * CALIBRATION_BATCHES;
    for (size_t i = 0; i < CALIBRATION_PLACES; i++)
        append(text, "%.0f,%s", round(100 * log(fmax(1, least_time(calibration, series, i)))),
               i % row + 1 < row ? "" : "\n");
}

/* One line a width. */
static void append_ratios(struct text *text, const struct midl_calibration *calibration,
                          const struct calibration_series *series)
{
    const size_t row = CALIBRATION_SHARES * CALIBRATION_BATCHES;
    for (size_t i = 0; i < CALIBRATION_PLACES; i++)
        append(text, "%d,%s",
               calibration_slower((double)series->time_ns[i], least_time(calibration, series, i)),
               i % row + 1 < row ? "" : "\n");
}

char *calibration_source(const struct midl_calibration *calibration, double margin)
{
    static const char *const dtypes[] = {"MIDL_F32", "MIDL_BF16", "MIDL_INT8"};
    struct text text = text_begin();
    for (size_t i = 0; i < calibration->count; i++) {
        const struct calibration_series *series = &calibration->series[i];
        if (!matters(calibration, series, margin))
            continue;
        append(&text, "{\"%s\", %s, %s, %d, {\n", series->idea, dtypes[series->dtype],
               series->blocks ? "true" : "false", series->threads);
        append_ratios(&text, calibration, series);
        if (group_begun(calibration, i, margin)) {
            append(&text, "}, NULL},\n");
            continue;
        }
        append(&text, "}, (const uint16_t[]){\n");
        append_least(&text, calibration, series);
        append(&text, "}},\n");
    }
    return text.start;
}

/* ---- Reading --------------------------------------------------------------------------------- */

struct reader {
    const char *at;
    size_t line; /* of `at`, from 1 */
    char *reason;
};

__attribute__((format(printf, 2, 3))) static enum midl_status bad(struct reader *reader,
                                                                  const char *format, ...)
{
    char text[MIDL_REASON_SIZE - 32];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    snprintf(reader->reason, MIDL_REASON_SIZE, "line %zu: %s", reader->line, text);
    return MIDL_INVALID;
}

/* Step over `text` at the place of reading. */
static bool take(struct reader *reader, const char *text)
{
    size_t length = strlen(text);
    if (strncmp(reader->at, text, length) != 0)
        return false;
    for (size_t i = 0; i < length; i++)
        reader->line += text[i] == '\n';
    reader->at += length;
    return true;
}

/* "KEY VALUE\n", where VALUE must be `expected`; MIDL_UNAVAILABLE if it is another. */
static enum midl_status take_identity(struct reader *reader, const char *key, const char *expected)
{
    size_t length = strcspn(reader->at, "\n"), key_length = strlen(key);
    if (strncmp(reader->at, key, key_length) != 0 || reader->at[key_length] != ' ' ||
        reader->at[length] != '\n')
        return bad(reader, "expected '%s ...'", key);
    const char *value = reader->at + key_length + 1;
    size_t value_length = length - key_length - 1;
    bool same = !expected ||
                (strlen(expected) == value_length && memcmp(value, expected, value_length) == 0);
    if (!same) {
        snprintf(reader->reason, MIDL_REASON_SIZE, "made by another %s (%.*s)", key,
                 value_length > 160 ? 160 : (int)value_length, value);
        return MIDL_UNAVAILABLE;
    }
    reader->at += length + 1;
    reader->line++;
    return MIDL_OK;
}

/* Decimal digits, at most `most`, as a number; false if there is none, or one too many. */
static bool take_digits(struct reader *reader, size_t most, long long *ret, size_t *ret_count)
{
    size_t count = strspn(reader->at, "0123456789");
    if (count < 1 || count > most)
        return false;
    *ret = 0;
    for (size_t i = 0; i < count; i++)
        *ret = 10 * *ret + (*reader->at++ - '0');
    *ret_count = count;
    return true;
}

/* A time, "12" or "12.5", in any locale, and the character `end` behind it. */
static bool take_time(struct reader *reader, char end, double *ret)
{
    long long whole, part = 0;
    size_t digits, places = 0;
    if (!take_digits(reader, 15, &whole, &digits))
        return false;
    if (*reader->at == '.') {
        reader->at++;
        if (!take_digits(reader, 6, &part, &places))
            return false;
    }
    double value = (double)whole + (double)part / pow(10, (double)places);
    if (*reader->at != end || !(value >= LEAST_NS && value <= MOST_NS))
        return false;
    reader->at++;
    reader->line += end == '\n';
    *ret = value;
    return true;
}

static enum midl_status take_axis(struct reader *reader, const char *name, const double *values,
                                  size_t count)
{
    struct text line = text_begin();
    append_axis(&line, name, values, count);
    bool ok = line.start && take(reader, line.start);
    bool memory = line.start != NULL;
    free(line.start);
    if (!memory)
        return MIDL_NO_MEMORY;
    return ok ? MIDL_OK : bad(reader, "another grid of %s than this build's", name);
}

/* A word of a name's characters and the blank behind it. */
static bool take_word(struct reader *reader, char *ret, size_t size)
{
    size_t length = strspn(reader->at, "abcdefghijklmnopqrstuvwxyz0123456789-");
    if (length < 1 || length >= size || reader->at[length] != ' ')
        return false;
    memcpy(ret, reader->at, length);
    ret[length] = '\0';
    reader->at += length + 1;
    return true;
}

/* "IDEA DTYPE SELECTION THREADS\n" */
static enum midl_status take_head(struct reader *reader, struct calibration_series *ret)
{
    char dtype[8], selection[8];
    long long threads;
    size_t digits;
    if (!take_word(reader, ret->idea, sizeof ret->idea) ||
        !take_word(reader, dtype, sizeof dtype) ||
        !take_word(reader, selection, sizeof selection) ||
        !take_digits(reader, 15, &threads, &digits) || *reader->at != '\n')
        return bad(reader, "expected 'times KERNEL DTYPE SELECTION THREADS'");
    ret->blocks = strcmp(selection, selection_word(true)) == 0;
    if (!midl_dtype_parse(dtype, &ret->dtype))
        return bad(reader, "unknown dtype '%s'", dtype);
    if (!ret->blocks && strcmp(selection, selection_word(false)) != 0)
        return bad(reader, "unknown selection '%s'", selection);
    if (threads < 1 || threads > 1024)
        return bad(reader, "the number of threads must be 1..1024");
    ret->threads = (int)threads;
    reader->at++;
    reader->line++;
    return MIDL_OK;
}

static enum midl_status take_series(struct reader *reader, struct midl_calibration *calibration)
{
    struct calibration_series *series = calibration_add(calibration);
    if (!series)
        return MIDL_NO_MEMORY;
    enum midl_status status = take_head(reader, series);
    const size_t row = CALIBRATION_SHARES * CALIBRATION_BATCHES;
    for (size_t i = 0; i < CALIBRATION_PLACES && status == MIDL_OK; i++) {
        double time_ns;
        if (take_time(reader, i % row + 1 < row ? ' ' : '\n', &time_ns))
            series->time_ns[i] = (float)time_ns;
        else
            status = bad(reader, "expected %zu times of 1 to 1e14 ns, as 12.5", row);
    }
    return status;
}

static enum midl_status take_table(struct reader *reader, const char *machine,
                                   struct midl_calibration *ret)
{
    enum midl_status status = MIDL_OK;
    char build[MIDL_BUILD_ID_SIZE];
    midl_build_id(build);
    if (!take(reader, "midl calibration 1\n"))
        return bad(reader, "no calibration: it doesn't begin with 'midl calibration 1'");
    if ((status = take_identity(reader, "machine", machine)) != MIDL_OK ||
        (status = take_identity(reader, "build", build)) != MIDL_OK ||
        (status = take_axis(reader, "n", calibration_widths, CALIBRATION_WIDTHS)) != MIDL_OK ||
        (status = take_axis(reader, "active", calibration_shares, CALIBRATION_SHARES)) != MIDL_OK ||
        (status = take_axis(reader, "batch", calibration_batches, CALIBRATION_BATCHES)) != MIDL_OK)
        return status;
    while (status == MIDL_OK && take(reader, "times "))
        status = take_series(reader, ret);
    if (status != MIDL_OK)
        return status;
    if (!take(reader, "end\n") || *reader->at)
        return bad(reader, "expected 'times ...' or 'end' as the last line");
    return ret->count > 0 ? MIDL_OK : bad(reader, "holds no times");
}

enum midl_status midl_calibration_read(const char *text, const char *machine,
                                       struct midl_calibration **ret, char reason[MIDL_REASON_SIZE])
{
    struct reader reader = {text, 1, reason};
    struct midl_calibration *calibration = calloc(1, sizeof *calibration);
    enum midl_status status =
        calibration ? take_table(&reader, machine, calibration) : MIDL_NO_MEMORY;
    if (status == MIDL_NO_MEMORY)
        snprintf(reason, MIDL_REASON_SIZE, "not enough memory for a calibration");
    if (status == MIDL_OK)
        *ret = calibration;
    else
        midl_calibration_destroy(calibration);
    return status;
}

/* ---- What is built in ------------------------------------------------------------------------ */

static const struct calibration_ratios avx512[] = {
#include "calibration_avx512.inc"
};

static const struct calibration_ratios avx2[] = {
#include "calibration_avx2.inc"
};

static const struct calibration_ratios avx512_intel[] = {
#include "calibration_avx512_intel.inc"
};

const struct midl_calibration *calibration_built_in(enum midl_dtype dtype)
{
    static const struct midl_calibration wide = {.ratios = avx512, .ratio_count = COUNT(avx512)},
                                         intel = {.ratios = avx512_intel,
                                                  .ratio_count = COUNT(avx512_intel)},
                                         narrow = {.ratios = avx2, .ratio_count = COUNT(avx2)};
    if (midl_isa_best() != MIDL_ISA_AVX512)
        return &narrow;
    return midl_core().shared_port && calibration_covers(&intel, dtype) ? &intel : &wide;
}

/* ---- Choosing -------------------------------------------------------------------------------- */

/* Between which two values of an axis, and how far from the first to the second. */
struct place {
    size_t at;
    double part; /* 0..1 */
};

static struct place find_place(const double *values, size_t count, double value, bool logarithmic)
{
    size_t at = 0;
    value = fmin(fmax(value, values[0]), values[count - 1]);
    while (at + 2 < count && value > values[at + 1])
        at++;
    double low = values[at], high = values[at + 1];
    return (struct place){at, logarithmic ? log(value / low) / log(high / low)
                                          : (value - low) / (high - low)};
}

/* One series of either kind. */
struct row {
    const char *idea;
    enum midl_dtype dtype;
    bool blocks;
    int threads;
    const float *time_ns;  /* or NULL */
    const uint8_t *slower; /* then this */
};

static size_t row_count(const struct midl_calibration *calibration)
{
    return calibration->count + calibration->ratio_count;
}

static struct row row_at(const struct midl_calibration *calibration, size_t i)
{
    if (i < calibration->count) {
        const struct calibration_series *s = &calibration->series[i];
        return (struct row){s->idea, s->dtype, s->blocks, s->threads, s->time_ns, NULL};
    }
    const struct calibration_ratios *r = &calibration->ratios[i - calibration->count];
    return (struct row){r->idea, r->dtype, r->blocks, r->threads, NULL, r->slower};
}

/* ln of the time in ns of the fastest of a row's group, where the row has ratios. Where that isn't
 * known: as if it rose with the share, from what gate and light path take. */
static double log_least(const struct midl_calibration *calibration, const struct row *row,
                        size_t place)
{
    const double beside = 0.14; /* of a dense layer's time */
    for (size_t i = 0; i < calibration->ratio_count; i++) {
        const struct calibration_ratios *r = &calibration->ratios[i];
        if (r->least && r->dtype == row->dtype && r->blocks == row->blocks &&
            r->threads == row->threads)
            return r->least[place] / 100.0;
    }
    return log(beside + calibration_shares[place / CALIBRATION_BATCHES % CALIBRATION_SHARES]) +
           log(calibration_batches[place % CALIBRATION_BATCHES]);
}

static double log_time(const struct midl_calibration *calibration, const struct row *row,
                       size_t place)
{
    return row->time_ns ? log((double)row->time_ns[place])
                        : row->slower[place] / 100.0 + log_least(calibration, row, place);
}

/* A row at one width. */
static struct calibration_curve curve_of(const struct midl_calibration *calibration,
                                         const struct row *row, const struct midl_shape *shape,
                                         const struct midl_variant *variant)
{
    struct calibration_curve ret = {.variant = variant};
    double width = sqrt((double)shape->n * (double)shape->d);
    struct place at = find_place(calibration_widths, CALIBRATION_WIDTHS, width, true);
    for (size_t s = 0; s < CALIBRATION_SHARES; s++)
        for (size_t b = 0; b < CALIBRATION_BATCHES; b++) {
            double low = log_time(calibration, row, calibration_place(at.at, s, b));
            double high = log_time(calibration, row, calibration_place(at.at + 1, s, b));
            ret.log_time[s][b] = (float)(low + at.part * (high - low));
        }
    return ret;
}

double calibration_log_time(const struct calibration_curve *curve, double share, double batch)
{
    struct place s = find_place(calibration_shares, CALIBRATION_SHARES, share, false);
    struct place b = find_place(calibration_batches, CALIBRATION_BATCHES, batch, true);
    const float *low = &curve->log_time[s.at][b.at], *high = &curve->log_time[s.at + 1][b.at];
    double at_low = (double)low[0] + b.part * (double)(low[1] - low[0]);
    double at_high = (double)high[0] + b.part * (double)(high[1] - high[0]);
    return at_low + s.part * (at_high - at_low);
}

bool calibration_covers(const struct midl_calibration *calibration, enum midl_dtype dtype)
{
    for (size_t i = 0; i < row_count(calibration); i++)
        if (row_at(calibration, i).dtype == dtype)
            return true;
    return false;
}

/* How far a series is from what is asked: kinds that differ weigh more than any number of threads,
 * and what was measured for another dtype still tells which idea suits a shape. */
static double distance(const struct row *row, enum midl_dtype dtype, bool blocks, int threads)
{
    return (row->dtype != dtype ? 200 : 0) + (row->blocks != blocks ? 100 : 0) +
           fabs(log((double)row->threads / threads));
}

/* Whether a plan can run a row's variant. */
static bool serves(const struct midl_variant *variant, const struct midl_shape *shape,
                   size_t max_batch, int threads)
{
    char reason[MIDL_REASON_SIZE];
    return variant && !variant->linear && !variant->light && !variant->impl->choose &&
           midl_variant_fits(variant, shape, max_batch, threads, reason) == MIDL_OK;
}

size_t calibration_curves(const struct midl_calibration *calibration, enum midl_dtype dtype,
                          const struct midl_shape *shape, size_t max_batch, int threads,
                          struct calibration_curve *ret, size_t most)
{
    double nearest = INFINITY;
    size_t count = 0;
    bool blocks = shape->select == MIDL_SELECT_BLOCK && shape->block == 16;
    for (size_t i = 0; i < row_count(calibration); i++) {
        const struct row row = row_at(calibration, i);
        const struct midl_variant *variant = midl_variant_find(row.idea, dtype);
        double away = distance(&row, dtype, blocks, threads);
        if (away > nearest || !serves(variant, shape, max_batch, threads))
            continue;
        if (away < nearest)
            count = 0;
        nearest = away;
        if (count < most)
            ret[count++] = curve_of(calibration, &row, shape, variant);
    }
    return count;
}

const struct midl_variant *calibration_choice(const struct midl_calibration *calibration,
                                              enum midl_dtype dtype, const struct midl_shape *shape,
                                              size_t batch, int threads)
{
    enum { MOST = 16 };
    struct calibration_curve curves[MOST];
    const struct midl_variant *best = NULL;
    double least = INFINITY, share = (double)midl_expected_count(shape) / (double)shape->n;
    size_t count = calibration_curves(calibration, dtype, shape, batch, threads, curves, MOST);
    for (size_t i = 0; i < count; i++) {
        double time = calibration_log_time(&curves[i], share, (double)batch);
        if (time < least) {
            least = time;
            best = curves[i].variant;
        }
    }
    return best;
}
