/* code_hash.c - the hash of the machine code of a variant, or of all, from those of the object
 * files, which the build tells (tools/object_hash.c). */
#include <string.h>

#include "variant.h"

struct object_row {
    const char *name, *set;
    uint64_t hash;
};

static const struct object_row objects[] = {
#include "object_hashes.inc"
    {NULL, NULL, 0}};

static bool is_variants_file(const char *name)
{
    for (size_t i = 0; i < midl_variant_count(); i++)
        if (strcmp(midl_variant_at(i)->file, name) == 0)
            return true;
    return false;
}

/* Whether a variant runs an object: its own file for its instruction set, or no variant's own. */
static bool runs(const struct midl_variant *variant, const struct object_row *object)
{
    if (strcmp(object->name, variant->file) == 0)
        return strcmp(object->set, midl_isa_name(variant->isa)) == 0;
    return !is_variants_file(object->name);
}

static uint64_t add_object(uint64_t hash, const struct object_row *object)
{
    hash = (hash ^ object->hash) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

uint64_t code_hash_all(void)
{
    uint64_t hash = 0;
    for (const struct object_row *object = objects; object->name; object++) {
        if (object->hash == 0)
            return 0;
        hash = add_object(hash, object);
    }
    return hash;
}

uint64_t midl_code_hash(const struct midl_variant *variant)
{
    uint64_t hash = 0;
    bool own = false;
    if (variant->impl->choose)
        return 0;
    for (const struct object_row *object = objects; object->name; object++) {
        if (!runs(variant, object))
            continue;
        if (object->hash == 0)
            return 0;
        own = own || strcmp(object->name, variant->file) == 0;
        hash = add_object(hash, object);
    }
    return own ? hash : 0;
}
