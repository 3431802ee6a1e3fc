/* layer_file.h - layers as safetensors files. */
#ifndef MIDL_LAYER_FILE_H
#define MIDL_LAYER_FILE_H

#include "base/error.h"
#include "data/tensors.h"
#include "midl.h"

/* A layer from a file (SPEC names; F32, BF16, F16 or F64, made F32). Shape and gate kind follow
 * from the tensors present. FILE#PREFIX reads the names behind "PREFIX.". Biases of the
 * down-projections are folded into c and h. A tensor under full., light. or gate. that is no part
 * of the layer is an error; others are ignored. Metadata (PREFIX.k before k) k, select, unselected,
 * block, threshold if present, else k = 0.45 n rounded (under block to whole blocks), topk, light,
 * 16, 0.5. Values may be NaN or infinite: what they lead to is found where the layer runs. The
 * arrays belong to *ret_owned: free() it after the last plan. */
enum outcome layer_read(const char *path, struct midl_layer *ret_layer, void **ret_owned,
                        struct error *error);

/* Write a layer. `more`: NULL, or a tensor that the file holds beside the layer. */
enum outcome layer_write(const char *path, const struct midl_layer *layer,
                         const struct tensor *more, struct error *error);

#endif
