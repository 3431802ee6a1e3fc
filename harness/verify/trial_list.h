/* trial_list.h - the trials that a variant must pass: all shapes and edge cases.
 *
 * Every two values of any two axes meet in some trial, and so does every (d, n, k), with the other
 * axes taking turns. */
#ifndef MIDL_TRIAL_LIST_H
#define MIDL_TRIAL_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "verify/trial.h"

enum {
    TRIAL_SIZES = 9,    /* values of d and of n */
    TRIAL_K_LEVELS = 4, /* values of k for each n */
    TRIAL_COVER_MOST = 256,
    TRIAL_LIST_MOST = TRIAL_COVER_MOST + TRIAL_SIZES * TRIAL_SIZES * TRIAL_K_LEVELS
};

/* Fill the list and return its length. A trial's place in it is its number, from 1. */
size_t trial_list(struct trial trials[TRIAL_LIST_MOST]);

/* Whether a trial is small enough for --quick, by the multiply-adds of its batch through the layer.
 */
bool trial_is_quick(const struct trial *trial);

#endif
