/* pieces.c - OpenMP where there is one; else one piece after the other. */
#include "learn/pieces.h"

void pieces_run(int threads, size_t count, void (*piece)(void *data, size_t i), void *data)
{
    if (threads <= 1 || count <= 1) {
        for (size_t i = 0; i < count; i++)
            piece(data, i);
        return;
    }
#pragma omp parallel for num_threads(threads) schedule(static)
    for (size_t i = 0; i < count; i++)
        piece(data, i);
}
