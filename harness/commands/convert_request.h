/* convert_request.h - what `midl convert` was asked for. */
#ifndef MIDL_CONVERT_REQUEST_H
#define MIDL_CONVERT_REQUEST_H

#include "commands/command.h"
#include "learn/conversion.h"

/* Texts of the options; NULL: not given. */
struct convert_request {
    const char *weights, *prefix, *inputs, *tensor; /* a bare layer */
    const char *model, *data, *layer;               /* or a model file */
    const char *output, *json;
    const char *active, *rank, *gate, *gate_rank, *select, *block, *margin, *threads;
};

/* Run `midl convert --model`. Of `asked` the ranks are not looked at: they follow from the request
 * for each layer; gate_rank says whether the gate has one of its own. */
enum outcome convert_model(const struct convert_request *request,
                           const struct convert_options *asked, struct error *error);

#endif
