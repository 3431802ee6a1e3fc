/* adult.c - UCI Adult: lines of 15 fields, numbers and categories, "?" for what is missing.
 *
 * Numbers are standardised, what is missing takes their mean. A category becomes one column per
 * value that the training file has, "?" included; a value that only the test file has gives zeros.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "data/bundle.h"
#include "data/dataset_internal.h"

#define FIELDS 15
#define LABEL (FIELDS - 1)
#define FILE_BYTES_MOST ((size_t)1 << 28)
#define VALUES_MOST 4096 /* of one category */

/* The fields that are numbers: age, weight of the record, years of education, capital gain and
 * loss, hours a week. */
static bool is_number(size_t field)
{
    return field == 0 || field == 2 || field == 4 || (field >= 10 && field <= 12);
}

/* The lines of a file, taken apart in place. */
struct table {
    char *(*rows)[FIELDS];
    size_t count;
};

/* ---- Lines ----------------------------------------------------------------------------------- */

/* End the field at its last character that is no blank. */
static char *trim(char *field, char *end)
{
    while (field < end && (*field == ' ' || *field == '\t'))
        field++;
    while (end > field && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
        end--;
    *end = '\0';
    return field;
}

/* Take a line apart into ret[FIELDS]. */
static enum outcome split_line(const struct bundle_file *file, char *line, char *end, char **ret,
                               struct error *error)
{
    size_t count = 0, at = (size_t)(line - (char *)file->bytes);
    for (char *field = line; field <= end;) {
        char *comma = memchr(field, ',', (size_t)(end - field));
        char *stop = comma ? comma : end;
        if (count == FIELDS)
            return file_bad(error, file->shown, at + (size_t)(field - line),
                            "a line has more than %d fields", FIELDS);
        ret[count++] = trim(field, stop);
        field = stop + 1;
    }
    if (count < FIELDS)
        return file_bad(error, file->shown, at, "a line has %zu fields, expected %d", count,
                        FIELDS);
    return OUTCOME_DONE;
}

/* True for lines that hold no record: empty ones, and those that begin with "|". */
static bool holds_nothing(const char *line, const char *end)
{
    return line == end || *line == '|' || (end - line == 1 && *line == '\r');
}

static enum outcome split_file(const struct bundle_file *file, struct table *ret,
                               struct error *error)
{
    char *text = (char *)file->bytes, *text_end = text + file->count;
    struct table table = {.rows = NULL};
    size_t lines = 1;
    const char *zero = memchr(text, '\0', file->count);
    if (zero)
        return file_bad(error, file->shown, (uint64_t)(zero - text), "a zero byte in a text");
    for (const char *c = text; (c = memchr(c, '\n', (size_t)(text_end - c))); c++)
        lines++;
    if (!(table.rows = malloc(lines * sizeof *table.rows)))
        return fail_memory(error, file_shown(file->shown), (double)lines * sizeof *table.rows);
    for (char *line = text; line < text_end;) {
        char *newline = memchr(line, '\n', (size_t)(text_end - line));
        char *end = newline ? newline : text_end;
        enum outcome outcome = OUTCOME_DONE;
        if (!holds_nothing(line, end))
            outcome = split_line(file, line, end, table.rows[table.count++], error);
        if (outcome != OUTCOME_DONE) {
            free(table.rows);
            return outcome;
        }
        line = end + 1;
    }
    *ret = table;
    return OUTCOME_DONE;
}

/* ---- Columns --------------------------------------------------------------------------------- */

/* A field's place among the columns, and a category's values in order. */
struct field {
    size_t first, columns;
    char **values;
};

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Find the values that a field has in the table. */
static enum outcome find_values(const struct table *table, size_t f, struct field *ret,
                                struct error *error)
{
    size_t kept = 0;
    char **values = malloc(table->count * sizeof *values);
    if (!values)
        return fail_memory(error, "categories", (double)table->count * sizeof *values);
    for (size_t i = 0; i < table->count; i++)
        values[i] = table->rows[i][f];
    qsort(values, table->count, sizeof *values, by_text);
    for (size_t i = 0; i < table->count; i++)
        if (kept == 0 || strcmp(values[kept - 1], values[i]) != 0)
            values[kept++] = values[i];
    ret->values = values;
    ret->columns = kept;
    if (kept > VALUES_MOST)
        return fail(error, OUTCOME_USAGE, "field %zu has %zu different values, at most %d are read",
                    f + 1, kept, VALUES_MOST);
    return OUTCOME_DONE;
}

static enum outcome find_fields(const struct table *table, struct field ret[FIELDS],
                                size_t *ret_columns, struct error *error)
{
    size_t columns = 0;
    for (size_t f = 0; f < LABEL; f++) {
        enum outcome outcome = is_number(f) ? OUTCOME_DONE : find_values(table, f, &ret[f], error);
        if (outcome != OUTCOME_DONE)
            return outcome;
        ret[f].columns = is_number(f) ? 1 : ret[f].columns;
        ret[f].first = columns;
        columns += ret[f].columns;
    }
    *ret_columns = columns;
    return OUTCOME_DONE;
}

/* ---- Numbers --------------------------------------------------------------------------------- */

static bool to_number(const char *text, float *ret)
{
    char *end;
    double value = strtod(text, &end);
    bool whole = end != text && *end == '\0' && text[strspn(text, "0123456789+-.eE")] == '\0';
    *ret = (float)value;
    return whole && fabs(value) <= 1e30;
}

/* "<=50K" is class 0, ">50K" class 1; the test file has a full stop behind them. */
static bool to_label(const char *text, uint32_t *ret)
{
    size_t length = strcspn(text, ".");
    *ret = text[0] == '>';
    return text[length + (text[length] == '.')] == '\0' &&
           ((length == 5 && memcmp(text, "<=50K", 5) == 0) ||
            (length == 4 && memcmp(text, ">50K", 4) == 0));
}

static enum outcome bad_field(const struct bundle_file *file, const char *text, const char *what,
                              struct error *error)
{
    return file_bad(error, file->shown, (uint64_t)(text - (const char *)file->bytes),
                    "'%.40s' is no %s", text, what);
}

/* Fill a row; what is missing among the numbers is NaN for now. */
static enum outcome fill_row(const struct bundle_file *file, char *const *row,
                             const struct field fields[FIELDS], float *ret, uint32_t *ret_label,
                             struct error *error)
{
    for (size_t f = 0; f < LABEL; f++) {
        const struct field *field = &fields[f];
        if (is_number(f)) {
            bool missing = strcmp(row[f], "?") == 0;
            ret[field->first] = NAN;
            if (!missing && !to_number(row[f], &ret[field->first]))
                return bad_field(file, row[f], "number", error);
        } else {
            char **value =
                bsearch(&row[f], field->values, field->columns, sizeof *field->values, by_text);
            memset(ret + field->first, 0, field->columns * sizeof *ret);
            if (value)
                ret[field->first + (size_t)(value - field->values)] = 1.0f;
        }
    }
    return to_label(row[LABEL], ret_label)
               ? OUTCOME_DONE
               : bad_field(file, row[LABEL], "label (<=50K or >50K)", error);
}

static enum outcome fill_part(const struct bundle_file *file, const struct table *table,
                              const struct dataset_choice *choice,
                              const struct field fields[FIELDS], size_t d, struct dataset_part *ret,
                              struct error *error)
{
    enum outcome outcome = dataset_part_new(choice->count, d, ret, error);
    for (size_t i = 0; outcome == OUTCOME_DONE && i < choice->count; i++)
        outcome = fill_row(file, table->rows[choice->rows[i]], fields, ret->x + i * d,
                           &ret->labels[i], error);
    return outcome;
}

/* Mean of a column over the rows that have it; 0 if none has. */
static float column_mean(const struct dataset_part *part, size_t column)
{
    double sum = 0;
    size_t count = 0;
    for (size_t i = 0; i < part->count; i++) {
        float value = dataset_row(part, i)[column];
        sum += isnan(value) ? 0 : (double)value;
        count += !isnan(value);
    }
    return count ? (float)(sum / (double)count) : 0.0f;
}

static void fill_missing(struct dataset_part *part, size_t column, float value)
{
    for (size_t i = 0; i < part->count; i++)
        if (isnan(part->x[i * part->stride + column]))
            part->x[i * part->stride + column] = value;
}

static void prepare_numbers(const struct field fields[FIELDS], struct dataset *set)
{
    for (size_t f = 0; f < LABEL; f++)
        if (is_number(f)) {
            float mean = column_mean(&set->train, fields[f].first);
            fill_missing(&set->train, fields[f].first, mean);
            fill_missing(&set->test, fields[f].first, mean);
            dataset_standardise(set, fields[f].first, 1);
        }
}

/* ---- Both files ------------------------------------------------------------------------------ */

static enum outcome tables_to_set(const struct dataset_request *request,
                                  const struct bundle_file files[2], const struct table tables[2],
                                  struct dataset *set, struct error *error)
{
    static const char *const names[] = {"<=50K", ">50K"};
    struct field fields[FIELDS] = {{.values = NULL}};
    struct dataset_choice choices[2] = {{.rows = NULL}, {.rows = NULL}};
    size_t totals[] = {tables[0].count, tables[1].count};
    for (size_t p = 0; p < 2; p++)
        if (totals[p] == 0)
            return file_bad(error, files[p].shown, 0, "no records in it");
    enum outcome outcome = find_fields(&tables[0], fields, &set->d, error);
    set->classes = 2;
    if (outcome == OUTCOME_DONE)
        outcome = dataset_choose_parts(request, totals, choices, error);
    if (outcome == OUTCOME_DONE)
        outcome = fill_part(&files[0], &tables[0], &choices[0], fields, set->d, &set->train, error);
    if (outcome == OUTCOME_DONE)
        outcome = fill_part(&files[1], &tables[1], &choices[1], fields, set->d, &set->test, error);
    if (outcome == OUTCOME_DONE) {
        prepare_numbers(fields, set);
        outcome = dataset_name_classes(set, names, error);
    }
    for (size_t f = 0; f < FIELDS; f++)
        free(fields[f].values);
    if (choices[0].rows) {
        free(choices[0].rows);
        free(choices[1].rows);
    }
    return outcome;
}

enum outcome adult_load(const struct dataset_request *request, struct dataset *set,
                        struct error *error)
{
    struct bundle bundles[2] = {{.files = NULL}, {.files = NULL}};
    struct table tables[2] = {{.rows = NULL}, {.rows = NULL}};
    const char *patterns[] = {request->info->train, request->info->test};
    enum outcome outcome = OUTCOME_DONE;
    for (size_t p = 0; p < 2 && outcome == OUTCOME_DONE; p++) {
        outcome = bundle_read(request->place, patterns[p], FILE_BYTES_MOST, &bundles[p], error);
        if (outcome == OUTCOME_DONE)
            outcome = split_file(&bundles[p].files[0], &tables[p], error);
    }
    if (outcome == OUTCOME_DONE)
        outcome =
            tables_to_set(request, (struct bundle_file[]){bundles[0].files[0], bundles[1].files[0]},
                          tables, set, error);
    for (size_t p = 0; p < 2; p++) {
        free(tables[p].rows);
        bundle_clear(&bundles[p]);
    }
    return outcome;
}
