/* names.c - the words of files, options and databases, and what a shape may be. */
#include <stdio.h>
#include <string.h>

#include "midl.h"
#include "midl_config.h"

static const char *const gate_names[] = {"full", "lowrank", "shared"};
static const char *const select_names[] = {"topk", "block", "threshold"};
static const char *const unselected_names[] = {"light", "zero"};
static const char *const dtype_names[] = {"f32", "bf16", "int8"};
static const char *const isa_names[] = {"generic", "portable", "neon", "avx2", "avx512"};

#define COUNT(names) (sizeof(names) / sizeof(names)[0])

/* Index of name, or count. */
static size_t find(const char *const *names, size_t count, const char *name)
{
    size_t i = 0;
    while (i < count && strcmp(names[i], name) != 0)
        i++;
    return i;
}

int midl_abi(void)
{
    return MIDL_ABI;
}

const char *midl_version(void)
{
    return MIDL_VERSION;
}

const char *midl_status_text(enum midl_status status)
{
    switch (status) {
    case MIDL_OK:
        return "ok";
    case MIDL_INVALID:
        return "invalid";
    case MIDL_UNAVAILABLE:
        return "unavailable";
    case MIDL_NO_MEMORY:
        return "not enough memory";
    case MIDL_NAN_LOGIT:
        return "a gate logit is NaN";
    }
    return "unknown status";
}

const char *midl_gate_name(enum midl_gate gate)
{
    return gate_names[gate];
}

const char *midl_select_name(enum midl_select select)
{
    return select_names[select];
}

const char *midl_unselected_name(enum midl_unselected unselected)
{
    return unselected_names[unselected];
}

const char *midl_dtype_name(enum midl_dtype dtype)
{
    return dtype_names[dtype];
}

const char *midl_isa_name(enum midl_isa isa)
{
    return isa_names[isa];
}

bool midl_gate_parse(const char *name, enum midl_gate *ret)
{
    size_t i = find(gate_names, COUNT(gate_names), name);
    if (i == COUNT(gate_names))
        return false;
    *ret = (enum midl_gate)i;
    return true;
}

bool midl_select_parse(const char *name, enum midl_select *ret)
{
    size_t i = find(select_names, COUNT(select_names), name);
    if (i == COUNT(select_names))
        return false;
    *ret = (enum midl_select)i;
    return true;
}

bool midl_unselected_parse(const char *name, enum midl_unselected *ret)
{
    size_t i = find(unselected_names, COUNT(unselected_names), name);
    if (i == COUNT(unselected_names))
        return false;
    *ret = (enum midl_unselected)i;
    return true;
}

bool midl_dtype_parse(const char *name, enum midl_dtype *ret)
{
    size_t i = find(dtype_names, COUNT(dtype_names), name);
    if (i == COUNT(dtype_names))
        return false;
    *ret = (enum midl_dtype)i;
    return true;
}

bool midl_isa_parse(const char *name, enum midl_isa *ret)
{
    size_t i = find(isa_names, COUNT(isa_names), name);
    if (i == COUNT(isa_names))
        return false;
    *ret = (enum midl_isa)i;
    return true;
}

size_t midl_default_rank(size_t n)
{
    return n < 32 ? 1 : n / 32;
}

/* Largest dimension: indices are 32 bits wide, and a product of two fits size_t. */
#define DIMENSION_MOST ((size_t)1 << 30)

#define NUMBER_SIZE 32

static enum midl_status invalid(char reason[MIDL_REASON_SIZE], const char *what, size_t value)
{
    snprintf(reason, MIDL_REASON_SIZE, "%s = %zu", what, value);
    return MIDL_INVALID;
}

static enum midl_status block_check(const struct midl_shape *shape, char reason[MIDL_REASON_SIZE])
{
    if (shape->block != 8 && shape->block != 16)
        return invalid(reason, "select block needs block = 8 or 16, not block", shape->block);
    if (shape->n % shape->block != 0)
        return invalid(reason, "select block needs n a multiple of the block, not n", shape->n);
    if (shape->k % shape->block != 0)
        return invalid(reason, "select block needs k a multiple of the block, not k", shape->k);
    return MIDL_OK;
}

/* Print a number as %g does, with a point in every locale. What is neither digit, sign nor letter
 * of %g is the locale's decimal sign, of one byte or of more. */
static void number_text(double value, char ret[NUMBER_SIZE])
{
    char printed[NUMBER_SIZE];
    size_t used = 0;
    snprintf(printed, sizeof printed, "%g", value);
    for (const char *c = printed; *c; c++)
        if (strchr("0123456789+-einfa", *c))
            ret[used++] = *c;
        else if (used > 0 && ret[used - 1] != '.')
            ret[used++] = '.';
    ret[used] = '\0';
}

enum midl_status midl_shape_check(const struct midl_shape *shape, char reason[MIDL_REASON_SIZE])
{
    char number[NUMBER_SIZE];
    if (shape->d < 1 || shape->d > DIMENSION_MOST)
        return invalid(reason, "d must be 1..2^30, not d", shape->d);
    if (shape->n < 1 || shape->n > DIMENSION_MOST)
        return invalid(reason, "n must be 1..2^30, not n", shape->n);
    if (shape->r < 1 || shape->r > DIMENSION_MOST)
        return invalid(reason, "the rank must be 1..2^30, not r", shape->r);
    if (shape->gate == MIDL_GATE_LOWRANK && (shape->rg < 1 || shape->rg > DIMENSION_MOST))
        return invalid(reason, "a lowrank gate's rank must be 1..2^30, not rg", shape->rg);
    if (shape->k > shape->n)
        return invalid(reason, "k must be 0..n, not k", shape->k);
    if (shape->select == MIDL_SELECT_BLOCK)
        return block_check(shape, reason);
    if (shape->select == MIDL_SELECT_THRESHOLD &&
        !(shape->threshold >= 0 && shape->threshold < 1)) {
        number_text((double)shape->threshold, number);
        snprintf(reason, MIDL_REASON_SIZE, "the threshold must be in [0, 1), not %s", number);
        return MIDL_INVALID;
    }
    return MIDL_OK;
}
