/* library.h - one build of libmidl as a table of functions: the one that is linked into this
 * program, or another that is loaded from its file beside it.
 *
 * Copies are loaded by dlopen from distinct paths, RTLD_NOW and RTLD_LOCAL: each has its own code
 * and its own instruction-set limit. OpenBLAS and OpenMP are shared, as two pools of threads would
 * fight for the processors. Layers, inputs and checks stay this program's own and serve all copies.
 */
#ifndef MIDL_LIBRARY_H
#define MIDL_LIBRARY_H

#include "base/error.h"
#include "midl.h"

struct midl_library {
    int abi; /* of midl_abi(); 0: a build from before there was one */
    const char *version;
    char build_id[MIDL_BUILD_ID_SIZE]; /* "" if the build has none */
    enum midl_status (*plan_create)(const struct midl_layer *layer,
                                    const struct midl_plan_options *options,
                                    struct midl_plan **ret_plan, char reason[MIDL_REASON_SIZE]);
    void (*plan_destroy)(struct midl_plan *plan);
    enum midl_status (*run)(struct midl_plan *plan, size_t batch, const float *x, float *y);
    struct midl_selection (*plan_selection)(const struct midl_plan *plan);
    const struct midl_variant *(*plan_variant)(const struct midl_plan *plan);
    const char *(*variant_name)(const struct midl_variant *variant);
    void (*isa_limit)(enum midl_isa most);                     /* NULL before it existed */
    uint64_t (*code_hash)(const struct midl_variant *variant); /* likewise */
    const struct midl_variant *(*variant_find)(const char *name, enum midl_dtype dtype);
    void *handle; /* of dlopen; NULL: linked */
};

/* Return the copy that this program is linked with. */
struct midl_library library_linked(void);

/* Load a copy. OUTCOME_USAGE: the file can't be read, isn't a shared library, isn't libmidl, or has
 * an ABI that this program doesn't know. Sets hidden under MIDL_ISA are hidden in it too. */
enum outcome library_open(const char *path, struct midl_library *ret, struct error *error);

void library_close(struct midl_library *library); /* accepts a zeroed or linked one */

/* Make a plan. A build of ABI 0 gets the structs as they were then, without their sizes. */
enum midl_status library_plan_create(const struct midl_library *library,
                                     const struct midl_layer *layer,
                                     const struct midl_plan_options *options,
                                     struct midl_plan **ret_plan, char reason[MIDL_REASON_SIZE]);

#endif
