/* rng.h - the random numbers of tests and benchmarks: small, seeded, the same everywhere.
 * xoshiro256++ (Blackman & Vigna 2019), seeded by splitmix64. */
#ifndef MIDL_RNG_H
#define MIDL_RNG_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

struct rng {
    uint64_t s[4];
};

static inline uint64_t rng_splitmix(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline struct rng rng_seed(uint64_t seed)
{
    struct rng rng;
    for (size_t i = 0; i < 4; i++)
        rng.s[i] = rng_splitmix(&seed);
    return rng;
}

static inline uint64_t rng_next(struct rng *rng)
{
    uint64_t *s = rng->s, sum = s[0] + s[3], result = ((sum << 23) | (sum >> 41)) + s[0];
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = (s[3] << 45) | (s[3] >> 19);
    return result;
}

/* Draw a number uniform in [0, 1). */
static inline double rng_uniform(struct rng *rng)
{
    return (double)(rng_next(rng) >> 11) * 0x1p-53;
}

/* Draw a whole number uniform in 0..bound-1, bound >= 1; the bias is below 2^-32 for bounds of this
 * project. */
static inline uint32_t rng_below(struct rng *rng, uint32_t bound)
{
    return (uint32_t)(((rng_next(rng) >> 32) * bound) >> 32);
}

/* Put values in a random order (Fisher and Yates). */
static inline void rng_shuffle(struct rng *rng, uint32_t *values, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t j = rng_below(rng, (uint32_t)i);
        uint32_t value = values[i - 1];
        values[i - 1] = values[j];
        values[j] = value;
    }
}

/* Draw a nearly normal number, mean 0, variance 1: the sum of the four 16-bit parts of one draw.
 * Whole-number arithmetic and one product, so the same numbers on every machine, and fast enough
 * for weights. */
static inline float rng_bell(struct rng *rng)
{
    uint64_t z = rng_next(rng);
    int64_t sum = (int64_t)((z & 0xffff) + (z >> 16 & 0xffff) + (z >> 32 & 0xffff) + (z >> 48));
    return (float)(sum - 2 * 0xffff) * (1.7320508f / 65536.0f);
}

/* Draw a standard normal number (Box-Muller, one of the pair). */
static inline double rng_normal(struct rng *rng)
{
    double u = 1.0 - rng_uniform(rng), v = rng_uniform(rng);
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}

#endif
