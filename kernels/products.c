/* products.c - see products.h. */
#include "products.h"

#include <string.h>

#include "blas.h"
#if MIDL_HAVE_ONEDNN
#include <oneapi/dnnl/dnnl.h>
#endif
#include "parallel.h"

enum {
    PIECE = 128 /* rows or columns of the result that one call of the product makes */
};

/* A piece: some rows and some columns of the result. */
static struct midl_product piece_of(const struct midl_product *p, size_t row, size_t rows,
                                    size_t column, size_t columns)
{
    struct midl_product piece = *p;
    piece.rows = rows;
    piece.columns = columns;
    piece.a += p->turn_a ? row : row * p->lda;
    piece.b += p->turn_b ? column * p->ldb : column;
    piece.c += row * p->ldc + column;
    return piece;
}

/* ---- In plain loops: where there is no library, or it refuses -------------------------------- */

/* One row of the result, as a sum of rows of b, or of products with rows of b where it is turned.
 */
static void multiply_row(const struct midl_product *p, size_t row)
{
    const float *a = p->turn_a ? p->a + row : p->a + row * p->lda;
    size_t step = p->turn_a ? p->lda : 1;
    float *c = p->c + row * p->ldc;
    if (!p->add)
        memset(c, 0, p->columns * sizeof *c);
    for (size_t j = 0; p->turn_b && j < p->columns; j++) {
        float sum = 0;
        for (size_t i = 0; i < p->inner; i++)
            sum += a[i * step] * p->b[j * p->ldb + i];
        c[j] += sum;
    }
    for (size_t i = 0; !p->turn_b && i < p->inner; i++) {
        const float *b = p->b + i * p->ldb, factor = a[i * step];
        for (size_t j = 0; j < p->columns; j++)
            c[j] += factor * b[j];
    }
}

static void multiply_plainly(const struct midl_product *p)
{
    for (size_t row = 0; row < p->rows; row++)
        multiply_row(p, row);
}

/* ---- By a library ---------------------------------------------------------------------------- */

/* Multiply a whole product on the calling thread: midl_product_run tells the library to take no
 * others. Returns false if the library refuses; it then has written nothing: sgemm fails before its
 * first product, for its arguments or for lack of memory. */
#if MIDL_HAVE_ONEDNN

static bool multiply_by_library(const struct midl_product *p)
{
    return dnnl_sgemm(p->turn_a ? 'T' : 'N', p->turn_b ? 'T' : 'N', (dnnl_dim_t)p->rows,
                      (dnnl_dim_t)p->columns, (dnnl_dim_t)p->inner, 1.0f, p->a, (dnnl_dim_t)p->lda,
                      p->b, (dnnl_dim_t)p->ldb, p->add ? 1.0f : 0.0f, p->c,
                      (dnnl_dim_t)p->ldc) == dnnl_success;
}

#elif MIDL_HAVE_OPENBLAS

static bool multiply_by_library(const struct midl_product *p)
{
    cblas_sgemm(CblasRowMajor, p->turn_a ? CblasTrans : CblasNoTrans,
                p->turn_b ? CblasTrans : CblasNoTrans, (int)p->rows, (int)p->columns, (int)p->inner,
                1.0f, p->a, (int)p->lda, p->b, (int)p->ldb, p->add ? 1.0f : 0.0f, p->c,
                (int)p->ldc);
    return true;
}

#else

static bool multiply_by_library(const struct midl_product *p)
{
    (void)p;
    return false;
}

#endif

static void multiply(const struct midl_product *p)
{
    if (!multiply_by_library(p))
        multiply_plainly(p);
}

/* The longer side of the result is cut; each thread makes neighbouring pieces. */
static void product_part(void *data)
{
    const struct midl_product *p = data;
    bool by_rows = p->rows >= p->columns;
    size_t length = by_rows ? p->rows : p->columns, part = parallel_part();
    size_t end = parallel_bound(length, PIECE, part + 1);
    for (size_t at = parallel_bound(length, PIECE, part); at < end; at += PIECE) {
        size_t some = end - at < PIECE ? end - at : PIECE;
        struct midl_product piece =
            by_rows ? piece_of(p, at, some, 0, p->columns) : piece_of(p, 0, p->rows, at, some);
        multiply(&piece);
    }
}

void midl_product_run(int threads, const struct midl_product *product)
{
    struct midl_product p = *product;
    struct host_settings host = host_begin(1);
    parallel_run(threads, product_part, &p);
    host_end(&host);
}
