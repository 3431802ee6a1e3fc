/* product.c - each product is cut across its longer output side into pieces of one width. */
#include "learn/product.h"

#include <stdbool.h>
#include <string.h>

#include "learn/pieces.h"
#include "midl_config.h"

enum { WIDTH = 128 }; /* columns or rows of a piece */

#if MIDL_HAVE_ONEDNN
#include <oneapi/dnnl/dnnl.h>
#if defined(_OPENMP)
#include <omp.h>
#endif

void product_begin(void)
{
#if defined(_OPENMP)
    omp_set_num_threads(1); /* of what oneDNN opens itself */
#endif
}

/* C [m][n] = A B + beta C; A is [m][k], or [k][m] if turned, B [k][n], or [n][k] if turned. */
static void multiply(bool turn_a, bool turn_b, size_t m, size_t n, size_t k, const float *A,
                     size_t lda, const float *B, size_t ldb, float beta, float *C, size_t ldc)
{
    (void)dnnl_sgemm(turn_a ? 'T' : 'N', turn_b ? 'T' : 'N', (dnnl_dim_t)m, (dnnl_dim_t)n,
                     (dnnl_dim_t)k, 1, A, (dnnl_dim_t)lda, B, (dnnl_dim_t)ldb, beta, C,
                     (dnnl_dim_t)ldc);
}
#elif MIDL_HAVE_OPENBLAS
#include <cblas.h>
void openblas_set_num_threads(int threads);

void product_begin(void)
{
    openblas_set_num_threads(1);
}

static void multiply(bool turn_a, bool turn_b, size_t m, size_t n, size_t k, const float *A,
                     size_t lda, const float *B, size_t ldb, float beta, float *C, size_t ldc)
{
    cblas_sgemm(CblasRowMajor, turn_a ? CblasTrans : CblasNoTrans,
                turn_b ? CblasTrans : CblasNoTrans, (int)m, (int)n, (int)k, 1, A, (int)lda, B,
                (int)ldb, beta, C, (int)ldc);
}
#else
void product_begin(void)
{
}

static void multiply(bool turn_a, bool turn_b, size_t m, size_t n, size_t k, const float *A,
                     size_t lda, const float *B, size_t ldb, float beta, float *C, size_t ldc)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            float sum = 0;
            for (size_t t = 0; t < k; t++)
                sum +=
                    A[turn_a ? t * lda + i : i * lda + t] * B[turn_b ? j * ldb + t : t * ldb + j];
            C[i * ldc + j] = sum + (beta != 0 ? beta * C[i * ldc + j] : 0);
        }
}
#endif

struct job {
    const struct product *size;
    const float *W, *b, *x, *dy;
    float *y, *dW, *db, *dx;
};

static void outputs_piece(void *data, size_t i)
{
    const struct job *job = data;
    size_t B = job->size->batch, n = job->size->n, d = job->size->d;
    size_t first = i * WIDTH, width = piece_end(n, WIDTH, i) - first;
    for (size_t row = 0; job->b && row < B; row++)
        memcpy(job->y + row * n + first, job->b + first, width * sizeof *job->b);
    multiply(false, true, B, width, d, job->x, d, job->W + first * d, d, job->b ? 1 : 0,
             job->y + first, n);
}

void product_outputs(const struct product *size, const float *W, const float *b, const float *x,
                     float *y)
{
    struct job job = {.size = size, .W = W, .b = b, .x = x, .y = y};
    pieces_run(size->threads, pieces_of(size->n, WIDTH), outputs_piece, &job);
}

static void weights_piece(void *data, size_t i)
{
    const struct job *job = data;
    size_t B = job->size->batch, n = job->size->n, d = job->size->d;
    size_t first = i * WIDTH, width = piece_end(n, WIDTH, i) - first;
    multiply(true, false, width, d, B, job->dy + first, n, job->x, d, 0, job->dW + first * d, d);
    if (!job->db)
        return;
    memset(job->db + first, 0, width * sizeof *job->db);
    for (size_t row = 0; row < B; row++)
        for (size_t j = 0; j < width; j++)
            job->db[first + j] += job->dy[row * n + first + j];
}

void product_weights(const struct product *size, const float *dy, const float *x, float *dW,
                     float *db)
{
    struct job job = {.size = size, .dy = dy, .x = x, .dW = dW, .db = db};
    pieces_run(size->threads, pieces_of(size->n, WIDTH), weights_piece, &job);
}

static void inputs_piece(void *data, size_t i)
{
    const struct job *job = data;
    size_t B = job->size->batch, n = job->size->n, d = job->size->d;
    size_t first = i * WIDTH, width = piece_end(d, WIDTH, i) - first;
    multiply(false, false, B, width, n, job->dy, n, job->W + first, d, 0, job->dx + first, d);
}

void product_inputs(const struct product *size, const float *dy, const float *W, float *dx)
{
    struct job job = {.size = size, .dy = dy, .W = W, .dx = dx};
    pieces_run(size->threads, pieces_of(size->d, WIDTH), inputs_piece, &job);
}
