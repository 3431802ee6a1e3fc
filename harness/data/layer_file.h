/* layer_file.h - layers as safetensors files.
 *
 *   full.weight [n][d]          full.bias [n]
 *   light.down.weight [r][d]    light.up.weight [n][r]    light.up.bias [n]
 *   gate.weight [n][d]          gate.bias [n]                               gate full
 *   gate.down.weight [rg][d]    gate.up.weight [n][rg]    gate.up.bias [n]  gate lowrank
 *   gate.up.weight [n][r]       gate.up.bias [n]                            gate shared
 *
 * F32, BF16, F16 or F64. Metadata: k, select, unselected, block, threshold. */
#ifndef MIDL_LAYER_FILE_H
#define MIDL_LAYER_FILE_H

#include "base/error.h"
#include "data/tensors.h"
#include "midl.h"

/* Read a layer, made F32. Shape and gate kind follow from the tensors present. FILE#PREFIX reads
 * the names behind "PREFIX.", and metadata PREFIX.k before k. Biases of the down-projections,
 * light.down.bias and gate.down.bias, are folded into those behind them. A tensor under full.,
 * light. or gate. that is no part of the layer is an error; others are ignored. Without metadata k
 * = 0.45 n rounded (under block to whole blocks), topk, light, 16, 0.5. Values may be NaN or
 * infinite: their consequences are found where the layer runs. The arrays belong to *ret_owned:
 * free() it after the last plan. */
enum outcome layer_read(const char *path, struct midl_layer *ret_layer, void **ret_owned,
                        struct error *error);

/* Write a layer. `more`: NULL, or a tensor that the file holds beside the layer. */
enum outcome layer_write(const char *path, const struct midl_layer *layer,
                         const struct tensor *more, struct error *error);

#endif
