/* registry.c - variants.def as a table, and how names find rows. */
#include <stdio.h>
#include <string.h>

#include "cost.h"
#include "fits.h"
#include "midl_config.h"
#include "variant.h"

/* A row whose instruction set this build has refers to its implementation; others to a stand-in. */
static const struct variant_impl not_built = {.unavailable = "not built for this architecture"};

#define IMPL_(file, isa) (&midl_impl_##file##_##isa)
#define IMPL_generic(file) IMPL_(file, generic)
#define IMPL_portable(file) IMPL_(file, portable)
#if MIDL_BUILD_NEON
#define IMPL_neon(file) IMPL_(file, neon)
#else
#define IMPL_neon(file) (&not_built)
#endif
#if MIDL_BUILD_AVX2
#define IMPL_avx2(file) IMPL_(file, avx2)
#else
#define IMPL_avx2(file) (&not_built)
#endif
#if MIDL_BUILD_AVX512
#define IMPL_avx512(file) IMPL_(file, avx512)
#else
#define IMPL_avx512(file) (&not_built)
#endif

#define LOWER_GENERIC generic
#define LOWER_PORTABLE portable
#define LOWER_NEON neon
#define LOWER_AVX2 avx2
#define LOWER_AVX512 avx512
#define SUFFIX_GENERIC ""
#define SUFFIX_PORTABLE "-portable"
#define SUFFIX_NEON "-neon"
#define SUFFIX_AVX2 "-avx2"
#define SUFFIX_AVX512 "-avx512"
#define CALLS_BLAS true
#define CALLS_OWN false
#define LINEAR_LINEAR true
#define LINEAR_LIGHT false
#define LINEAR_MIDL false
#define LIGHT_LINEAR false
#define LIGHT_LIGHT true
#define LIGHT_MIDL false

/* The declarations: one a row. */
#define DECLARE_(file, isa) extern const struct variant_impl midl_impl_##file##_##isa;
#define DECLARE(file, isa) DECLARE_(file, isa)
#define VARIANT(file, idea, isa, ...) DECLARE(file, LOWER_##isa)
#include "variants.def"
#undef VARIANT

#define CALL_(macro, argument) macro(argument)
#define CONCAT_(a, b) a##b
#define CONCAT(a, b) CONCAT_(a, b)
#define IMPL(file, isa) CALL_(CONCAT(IMPL_, isa), file)

static const struct midl_variant variants[] = {
#define VARIANT(file_, idea_, isa_, dtype_, tile_, kind, fits_, cost_, blas_, excess_, text_)      \
    {.name = idea_ SUFFIX_##isa_,                                                                  \
     .idea = idea_,                                                                                \
     .text = text_,                                                                                \
     .file = #file_,                                                                               \
     .isa = MIDL_ISA_##isa_,                                                                       \
     .dtype = MIDL_##dtype_,                                                                       \
     .tile = tile_,                                                                                \
     .linear = LINEAR_##kind,                                                                      \
     .light = LIGHT_##kind,                                                                        \
     .fits = fits_,                                                                                \
     .cost = cost_,                                                                                \
     .blas = CALLS_##blas_,                                                                        \
     .excess = EXCESS_##excess_,                                                                   \
     .impl = IMPL(file_, LOWER_##isa_)},
#include "variants.def"
#undef VARIANT
};

size_t midl_variant_count(void)
{
    return sizeof variants / sizeof variants[0];
}

const struct midl_variant *midl_variant_at(size_t i)
{
    return i < midl_variant_count() ? &variants[i] : NULL;
}

/* Whether `a` is to be preferred among rows of one idea. */
static bool better(const struct midl_variant *a, const struct midl_variant *b)
{
    bool a_runs = !midl_variant_unavailable(a), b_runs = !midl_variant_unavailable(b);
    return a_runs != b_runs ? a_runs : a_runs && a->isa > b->isa;
}

const struct midl_variant *midl_variant_find(const char *name, enum midl_dtype dtype)
{
    const struct midl_variant *best = NULL;
    for (size_t i = 0; i < midl_variant_count(); i++) {
        const struct midl_variant *variant = &variants[i];
        if (variant->dtype != dtype)
            continue;
        if (strcmp(variant->name, name) == 0)
            return variant;
        if (strcmp(variant->idea, name) == 0 && (!best || better(variant, best)))
            best = variant;
    }
    return best;
}

const char *midl_variant_name(const struct midl_variant *variant)
{
    return variant->name;
}

const char *midl_variant_idea(const struct midl_variant *variant)
{
    return variant->idea;
}

const char *midl_variant_text(const struct midl_variant *variant)
{
    return variant->text;
}

enum midl_isa midl_variant_isa(const struct midl_variant *variant)
{
    return variant->isa;
}

enum midl_dtype midl_variant_dtype(const struct midl_variant *variant)
{
    return variant->dtype;
}

size_t midl_variant_tile(const struct midl_variant *variant)
{
    return variant->tile;
}

bool midl_variant_calls_blas(const struct midl_variant *variant)
{
    return variant->blas;
}

struct midl_excess midl_variant_excess(const struct midl_variant *variant)
{
    return variant->excess;
}

bool midl_variant_is_linear(const struct midl_variant *variant)
{
    return variant->linear;
}

bool midl_variant_is_light(const struct midl_variant *variant)
{
    return variant->light;
}

const char *midl_variant_unavailable(const struct midl_variant *variant)
{
    if (variant->impl->unavailable)
        return variant->impl->unavailable;
    if (!midl_isa_available(variant->isa))
        return "this processor lacks the instruction set, or it is hidden";
    return NULL;
}

enum midl_status midl_variant_fits(const struct midl_variant *variant,
                                   const struct midl_shape *shape, size_t max_batch, int threads,
                                   char reason[MIDL_REASON_SIZE])
{
    const char *unavailable = midl_variant_unavailable(variant);
    if (unavailable) {
        snprintf(reason, MIDL_REASON_SIZE, "%s: %s", variant->name, unavailable);
        return MIDL_UNAVAILABLE;
    }
    if (threads > 1 && !MIDL_HAVE_OPENMP) {
        snprintf(reason, MIDL_REASON_SIZE, "built without OpenMP: one thread only");
        return MIDL_UNAVAILABLE;
    }
    if (variant->fits && !variant->fits(shape, max_batch, threads, reason))
        return MIDL_UNAVAILABLE;
    return MIDL_OK;
}
