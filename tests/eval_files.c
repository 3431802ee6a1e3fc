/* eval_files.c - what test_eval.sh needs beyond `midl` itself: layers and inputs to give it, a
 * judge of what it wrote, and an interruption at a known place.
 *
 *   eval_files make FILL GATE SELECT UNSELECTED ROWS D N K LAYER INPUT
 *   eval_files check LAYER INPUT ROWS exact|near OUTPUT...
 *   eval_files interrupt OPTIONS-OF-MIDL-EVAL...
 *
 * FILL is normal, integer, or normal with one fault: nan-input (x[70][0]), nan-logit (row 70,
 * neuron 5, by overflow), nan-weight (full.weight[6][0]). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/stop.h"
#include "data/layer_file.h"
#include "verify/checker.h"
#include "commands/command.h"
#include "data/inputs.h"
#include "oracle.h"
#include "verify/problem.h"
#include "data/tensors.h"

enum { FAULT_ROW = 70, FAULT_LOGIT = 5, FAULT_NEURON = 6, BLOCK = 8 };

static int complain(const struct error *error)
{
    fprintf(stderr, "eval_files: %s\n", error->text);
    return 1;
}

/* An array of the layer, which lies in the problem's own memory, to write to. */
static float *array_of(const struct problem *problem, const float *array)
{
    return (float *)problem->arena + (array - (const float *)problem->arena);
}

/* The fault of that name; false if the problem can't have it. */
static bool add_fault(struct problem *problem, const char *name)
{
    size_t d = problem->layer.shape.d;
    if (problem->batch <= FAULT_ROW || d < 2 || problem->layer.shape.n <= FAULT_NEURON)
        return false;
    float *row = problem->x + FAULT_ROW * d;
    if (strcmp(name, "nan-input") == 0) {
        row[0] = NAN;
    } else if (strcmp(name, "nan-weight") == 0) {
        array_of(problem, problem->layer.full_weight)[FAULT_NEURON * d] = NAN;
    } else if (strcmp(name, "nan-logit") == 0 && problem->layer.gate_weight) {
        /* Only there do two products leave the range of floats, one upwards, one downwards. */
        float *weights = array_of(problem, problem->layer.gate_weight) + FAULT_LOGIT * d;
        memset(row, 0, d * sizeof *row);
        row[0] = row[1] = 1e38f;
        weights[0] = 1000;
        weights[1] = -1000;
    } else {
        return false;
    }
    return true;
}

static int make(char **words)
{
    struct midl_shape shape = {.block = BLOCK, .threshold = 0.5f};
    struct problem problem;
    struct error error = {"bad words"};
    bool integer = strcmp(words[0], "integer") == 0, normal = strcmp(words[0], "normal") == 0;
    size_t rows = strtoul(words[4], NULL, 10);
    bool sixteen = strcmp(words[2], "block16") == 0;
    if (sixteen)
        shape.block = 16;
    if (!midl_gate_parse(words[1], &shape.gate) ||
        !midl_select_parse(sixteen ? "block" : words[2], &shape.select) ||
        !midl_unselected_parse(words[3], &shape.unselected))
        return complain(&error);
    shape.d = strtoul(words[5], NULL, 10);
    shape.n = strtoul(words[6], NULL, 10);
    shape.k = strtoul(words[7], NULL, 10);
    shape.r = shape.rg = midl_default_rank(shape.n);
    if (problem_random(&shape, rows, 1, integer ? FILL_INTEGER : FILL_NORMAL, &problem, &error) !=
        OUTCOME_DONE)
        return complain(&error);
    if (!integer && !normal && !add_fault(&problem, words[0]))
        return complain(&error);
    const struct tensor x = {
        "x", TENSOR_F32, 2, {rows, shape.d}, problem.x, rows * shape.d * sizeof(float)};
    bool ok = layer_write(words[8], &problem.layer, NULL, &error) == OUTCOME_DONE &&
              tensors_write(words[9], &x, 1, NULL, 0, &error) == OUTCOME_DONE;
    problem_clear(&problem);
    return ok ? 0 : complain(&error);
}

/* What a file of outputs holds, against what the layer's shape and its own metadata call for. */
struct outputs {
    const float *y, *gate;
    uint32_t *index, *count; /* to be freed */
    bool linear;
};

static bool metadata_is(const struct tensors *file, const char *key, const char *value)
{
    const char *found = tensors_metadata(file, key);
    return found && strcmp(found, value) == 0;
}

static bool is_tensor(const struct tensor *tensor, enum tensor_type type, size_t rows,
                      size_t columns)
{
    return tensor && tensor->type == type && tensor->dims == 2 && tensor->shape[0] == rows &&
           tensor->shape[1] == columns;
}

/* The selection as the kernels give it: entries used, then -1 and 0 to the end. */
static bool read_selection(const int32_t *selected, const float *gate, size_t rows, size_t k,
                           bool all_used, struct outputs *ret)
{
    ret->index = calloc(rows * k + 1, sizeof *ret->index);
    ret->count = calloc(rows, sizeof *ret->count);
    if (!ret->index || !ret->count)
        return false;
    for (size_t i = 0; i < rows * k; i++) {
        bool used = selected[i] >= 0;
        if (used && ret->count[i / k]++ != i % k)
            return false;
        if (!used && (all_used || selected[i] != -1 || gate[i] != 0))
            return false;
        ret->index[i] = used ? (uint32_t)selected[i] : 0;
    }
    return true;
}

static bool read_outputs(const struct tensors *file, size_t rows, struct midl_shape *shape,
                         struct outputs *ret)
{
    const struct tensor *y = tensors_find(file, "y"), *selected = tensors_find(file, "selected"),
                        *gate = tensors_find(file, "gate");
    const char *select = tensors_metadata(file, "select"), *k = tensors_metadata(file, "k");
    const char *unselected = tensors_metadata(file, "unselected");
    const char *threshold = tensors_metadata(file, "threshold");
    if (!metadata_is(file, "format", "midl-output") || !tensors_metadata(file, "kernel") ||
        !tensors_metadata(file, "isa") || !k || !is_tensor(y, TENSOR_F32, rows, shape->n))
        return false;
    ret->y = y->data;
    ret->linear = !select;
    if (ret->linear)
        return tensors_count(file) == 1 && strtoul(k, NULL, 10) == shape->n;
    shape->k = strtoul(k, NULL, 10);
    if (threshold)
        shape->threshold = strtof(threshold, NULL);
    if (!is_tensor(selected, TENSOR_I32, rows, shape->k) ||
        !is_tensor(gate, TENSOR_F32, rows, shape->k) || !unselected ||
        !midl_select_parse(select, &shape->select) ||
        !midl_unselected_parse(unselected, &shape->unselected))
        return false;
    ret->gate = gate->data;
    return read_selection(selected->data, gate->data, rows, shape->k,
                          shape->select != MIDL_SELECT_THRESHOLD, ret);
}

/* The gate values of what is selected. */
static bool gates_right(const struct midl_oracle *oracle, const struct midl_selection *selection)
{
    for (size_t i = 0; i < selection->batch; i++) {
        for (size_t j = 0; j < selection->count[i]; j++) {
            size_t at = i * selection->stride + j;
            double bound, expected = midl_oracle_gate(oracle, i, selection->index[at], &bound);
            bool ok = fabs((double)selection->gate[at] - expected) <= bound;
            if (!ok)
                return false;
        }
    }
    return true;
}

/* Everything that `midl eval` wrote against the oracle. */
static bool judge(const struct midl_layer *layer, const struct inputs *inputs,
                  const struct tensors *file, bool exact, struct error *error)
{
    struct midl_shape shape = layer->shape;
    struct outputs outputs = {0};
    struct midl_oracle *oracle = NULL;
    struct problem problem = {.layer = *layer, .batch = inputs->count, .x = inputs->data};
    enum midl_dtype dtype = MIDL_F32;
    const char *type = tensors_metadata(file, "dtype");
    struct check_result result = {.ok = true, .reason = "not what midl eval promises to write"};
    if (type && midl_dtype_parse(type, &dtype) &&
        problem_oracle(&problem, dtype, &oracle, error) == OUTCOME_DONE &&
        read_outputs(file, inputs->count, &shape, &outputs)) {
        struct midl_selection selection = {.batch = inputs->count,
                                           .stride = shape.k,
                                           .index = outputs.index,
                                           .count = outputs.count,
                                           .gate = outputs.gate};
        if (!outputs.linear) {
            check_selection(oracle, &shape, &selection, exact, &result);
            result.ok = result.ok && gates_right(oracle, &selection);
        }
        if (result.ok)
            check_output(oracle, &shape, outputs.linear ? NULL : &selection, outputs.y, exact,
                         &result);
    } else {
        result.ok = false;
    }
    snprintf(error->text, sizeof error->text, "%s", result.reason);
    midl_oracle_destroy(oracle);
    free(outputs.index);
    free(outputs.count);
    return result.ok;
}

static int check(int count, char **words)
{
    struct midl_layer layer;
    struct inputs inputs = {.data = NULL};
    struct error error = {""};
    void *owned = NULL;
    bool exact = strcmp(words[3], "exact") == 0;
    bool ok = layer_read(words[0], &layer, &owned, &error) == OUTCOME_DONE &&
              inputs_read(words[1], 0, &inputs, &error) == OUTCOME_DONE;
    if (ok && inputs.count != strtoul(words[2], NULL, 10)) {
        ok = false;
        snprintf(error.text, sizeof error.text, "%zu rows", inputs.count);
    }
    for (int i = 4; ok && i < count; i++) {
        struct tensors *file = NULL;
        ok = tensors_read(words[i], &file, &error) == OUTCOME_DONE &&
             judge(&layer, &inputs, file, exact, &error);
        tensors_close(file);
        if (!ok)
            fprintf(stderr, "%s: ", words[i]);
    }
    free(inputs.data);
    free(owned);
    return ok ? 0 : complain(&error);
}

int main(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";
    if (strcmp(command, "make") == 0 && argc == 12)
        return make(argv + 2);
    if (strcmp(command, "check") == 0 && argc >= 7)
        return check(argc - 2, argv + 2);
    if (strcmp(command, "interrupt") == 0) {
        stop_requested = 1; /* as if Ctrl-C had been pressed before the first chunk */
        return command_eval(argc - 1, argv + 1);
    }
    fprintf(stderr, "eval_files: see the head of eval_files.c\n");
    return 2;
}
