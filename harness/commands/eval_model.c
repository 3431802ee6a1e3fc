/* eval_model.c - see eval_model.h. */
#include "commands/eval_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/append.h"
#include "base/file.h"
#include "base/json.h"
#include "data/dataset.h"
#include "data/inputs.h"
#include "data/tensors.h"
#include "learn/meeting.h"
#include "learn/model_file.h"
#include "learn/trainer.h"

static enum outcome print_json(const struct eval_model *request, const struct network *network,
                               const char *dataset, size_t inputs, double loss, double accuracy,
                               struct error *error)
{
    char hidden[NETWORK_TEXT_SIZE];
    struct json json;
    network_text(&network->spec, hidden);
    json_begin_object(&json);
    json_text(&json, json.root, "model", request->model);
    json_text(&json, json.root, "dataset", dataset);
    json_text(&json, json.root, "network", hidden);
    json_number(&json, json.root, "inputs", (double)inputs);
    json_number(&json, json.root, "loss", loss);
    json_number(&json, json.root, "accuracy", accuracy);
    enum outcome outcome = json_print(&json, stdout, false, "the answer", error);
    json_clear(&json);
    return outcome;
}

/* ---- The test part of a data set ------------------------------------------------------------- */

/* The place of the layer that `inputs_of` names. */
static enum outcome find_layer(const struct eval_model *request, const struct network_spec *spec,
                               size_t *ret, struct error *error)
{
    char names[300] = "";
    for (size_t i = 0; i < spec->count; i++) {
        const struct layer_spec *layer = &spec->layers[i];
        if (strcmp(layer->name, request->inputs_of) == 0) {
            *ret = i;
            return OUTCOME_DONE;
        }
        if (layer->kind == LAYER_LINEAR || layer->kind == LAYER_MIDL ||
            layer->kind == LAYER_LOWRANK)
            append_text(names, sizeof names, "%s%s", *names ? ", " : "", layer->name);
    }
    return fail(error, OUTCOME_USAGE, "%s: no layer %.40s; there are: %s",
                file_shown(request->model), request->inputs_of, names);
}

/* Write x and labels of the first examples. */
static enum outcome write_layer_inputs(const struct eval_model *request, struct network *network,
                                       const struct dataset *set, struct error *error)
{
    size_t at = 0, count = set->test.count;
    const struct tensor_meta meta[] = {
        {"format", "midl-input"}, {"layer", request->inputs_of}, {"dataset", set->info->name}};
    enum outcome outcome = find_layer(request, &network->spec, &at, error);
    if (outcome)
        return outcome;
    if (count > EVAL_LAYER_INPUTS)
        count = EVAL_LAYER_INPUTS;
    size_t d = extent_size(network->spec.layers[at].in);
    struct dataset_part examples = set->test; /* the first ones */
    float *met[NETWORK_LAYERS_MOST] = {NULL}, *x = NULL;
    examples.count = count;
    outcome = network_met_new(&network->spec, at, count, &x, error);
    met[at] = x;
    if (!outcome)
        outcome = network_meet(network, &examples, count, met, error);
    const struct tensor tensors[] = {
        {"x", TENSOR_F32, 2, {count, d}, x, count * d * sizeof *x},
        {"labels", TENSOR_I32, 1, {count}, set->test.labels, count * sizeof(uint32_t)}};
    if (!outcome)
        outcome = tensors_write(request->output, tensors, 2, meta, 3, error);
    if (!outcome && !request->json)
        printf("%s: %zu inputs of %s, of length %zu -> %s\n", file_shown(request->model), count,
               request->inputs_of, d, request->output);
    free(x);
    return outcome;
}

static enum outcome test_score(const struct eval_model *request, struct network *network,
                               const struct dataset *set, struct error *error)
{
    double loss, accuracy;
    enum outcome outcome = trainer_evaluate(network, &set->test, set->d, &loss, &accuracy, error);
    if (!outcome && request->json)
        outcome =
            print_json(request, network, set->info->name, set->test.count, loss, accuracy, error);
    else if (!outcome)
        printf("%s on %s: %zu test inputs, accuracy %.4f, loss %.4f (%.4f bits)\n",
               file_shown(request->model), set->info->name, set->test.count, accuracy, loss,
               loss / 0.6931471805599453);
    return outcome;
}

static enum outcome test_part(const struct eval_model *request, struct network *network,
                              const struct model_facts *facts, struct error *error)
{
    struct dataset set;
    enum outcome outcome =
        model_dataset(request->model, &network->spec, facts, request->data, &set, error);
    if (outcome)
        return outcome;
    outcome = request->inputs_of ? write_layer_inputs(request, network, &set, error)
                                 : test_score(request, network, &set, error);
    dataset_clear(&set);
    return outcome;
}

/* ---- Inputs from a file ---------------------------------------------------------------------- */

static enum outcome run(struct network *network, const struct inputs *inputs, float *y,
                        struct error *error)
{
    size_t most = network->options.max_batch, classes = network->spec.classes;
    enum outcome outcome = OUTCOME_DONE;
    struct pass pass = {.training = false};
    for (size_t first = 0; first < inputs->count && !outcome; first += most, pass.step++) {
        const float *logits = NULL;
        pass.batch = inputs->count - first < most ? inputs->count - first : most;
        outcome = network_forward(network, &pass, inputs->data + first * inputs->d, &logits, error);
        if (!outcome)
            memcpy(y + first * classes, logits, pass.batch * classes * sizeof *y);
    }
    return outcome;
}

static enum outcome input_file(const struct eval_model *request, struct network *network,
                               struct error *error)
{
    struct inputs inputs = {.data = NULL};
    size_t classes = network->spec.classes;
    float *y = NULL;
    const struct tensor_meta meta[] = {{"format", "midl-output"}};
    enum outcome outcome = inputs_read(request->input, 0, &inputs, error);
    if (!outcome && inputs.d != extent_size(network->spec.in))
        outcome = fail(error, OUTCOME_USAGE, "%s: inputs of length %zu, the model %s takes %zu",
                       file_shown(request->input), inputs.d, file_shown(request->model),
                       extent_size(network->spec.in));
    if (!outcome && !(y = calloc(inputs.count * classes + 1, sizeof *y)))
        outcome = fail_memory(error, "the outputs", 4.0 * (double)inputs.count * (double)classes);
    if (!outcome)
        outcome = run(network, &inputs, y, error);
    const struct tensor tensor = {
        "y", TENSOR_F32, 2, {inputs.count, classes}, y, inputs.count * classes * sizeof *y};
    if (!outcome)
        outcome = tensors_write(request->output, &tensor, 1, meta, 1, error);
    if (!outcome && !request->json)
        printf("%s: %zu inputs -> %s\n", file_shown(request->model), inputs.count, request->output);
    free(y);
    free(inputs.data);
    return outcome;
}

enum outcome eval_model(const struct eval_model *request, struct error *error)
{
    struct network network;
    struct model_facts facts = {.dataset = ""};
    const struct layer_options options = {.max_batch = request->batch,
                                          .threads = (int)request->threads};
    if (request->inputs_of && (request->input || !request->output))
        return fail(error, OUTCOME_USAGE,
                    "--inputs-of writes to --output FILE what a layer meets on a data set: without "
                    "--input");
    if (!request->inputs_of && !request->input != !request->output)
        return fail(error, OUTCOME_USAGE, "--input and --output go together");
    if (request->output && (file_same(request->output, request->model) ||
                            (request->input && file_same(request->output, request->input))))
        return fail(error, OUTCOME_USAGE,
                    "--output %s would replace a file that is read; give another",
                    file_shown(request->output));
    enum outcome outcome = model_load(request->model, &options, &network, &facts, error);
    if (outcome)
        return outcome;
    outcome = request->input ? input_file(request, &network, error)
                             : test_part(request, &network, &facts, error);
    network_destroy(&network);
    return outcome;
}
