/* pieces.h - work split between threads, the same for any number of them: the split follows from
 * the size of the work alone, and no sum is shared by two pieces. So results are the same bits
 * whoever does which piece. */
#ifndef MIDL_PIECES_H
#define MIDL_PIECES_H

#include <stddef.h>

/* Call piece(data, i) for every i below `count`, by up to `threads` threads. */
void pieces_run(int threads, size_t count, void (*piece)(void *data, size_t i), void *data);

/* Count the pieces of `grain` that cover `total`, and find where piece i ends; it begins at
 * i * grain. */
static inline size_t pieces_of(size_t total, size_t grain)
{
    return (total + grain - 1) / grain;
}
static inline size_t piece_end(size_t total, size_t grain, size_t i)
{
    return (i + 1) * grain < total ? (i + 1) * grain : total;
}

#endif
