/* The products of matrices that lapack_lite asks for, by OpenBLAS. What is here is renamed in lapack_lite's own
   plain versions (0011-products-by-blas.patch); all else of BLAS stays with these: vectors gain nothing. */

#include "f2c.h"
#include "npy_cblas.h"

static enum CBLAS_TRANSPOSE
transposed(const char *flag)
{
    return *flag == 'N' || *flag == 'n'   ? CblasNoTrans
           : *flag == 'T' || *flag == 't' ? CblasTrans
                                          : CblasConjTrans;
}

static enum CBLAS_UPLO
part(const char *flag)
{
    return *flag == 'U' || *flag == 'u' ? CblasUpper : CblasLower;
}

static enum CBLAS_SIDE
side(const char *flag)
{
    return *flag == 'L' || *flag == 'l' ? CblasLeft : CblasRight;
}

static enum CBLAS_DIAG
diagonal(const char *flag)
{
    return *flag == 'U' || *flag == 'u' ? CblasUnit : CblasNonUnit;
}

/* `OF(x)` is how cblas takes a scalar of the type: by value, or complex ones by address. */
#define PRODUCTS(p, type, OF)                                                                              \
    int p##gemm_(char *transa, char *transb, integer *m, integer *n, integer *k, type *alpha, type *a,     \
                 integer *lda, type *b, integer *ldb, type *beta, type *c, integer *ldc)                   \
    {                                                                                                      \
        cblas_##p##gemm(CblasColMajor, transposed(transa), transposed(transb), *m, *n, *k, OF(alpha), a,   \
                        *lda, b, *ldb, OF(beta), c, *ldc);                                                 \
        return 0;                                                                                          \
    }                                                                                                      \
    int p##trmm_(char *where, char *uplo, char *trans, char *diag, integer *m, integer *n, type *alpha,    \
                 type *a, integer *lda, type *b, integer *ldb)                                             \
    {                                                                                                      \
        cblas_##p##trmm(CblasColMajor, side(where), part(uplo), transposed(trans), diagonal(diag), *m, *n, \
                        OF(alpha), a, *lda, b, *ldb);                                                      \
        return 0;                                                                                          \
    }                                                                                                      \
    int p##trsm_(char *where, char *uplo, char *trans, char *diag, integer *m, integer *n, type *alpha,    \
                 type *a, integer *lda, type *b, integer *ldb)                                             \
    {                                                                                                      \
        cblas_##p##trsm(CblasColMajor, side(where), part(uplo), transposed(trans), diagonal(diag), *m, *n, \
                        OF(alpha), a, *lda, b, *ldb);                                                      \
        return 0;                                                                                          \
    }

#define VALUE(scalar) (*(scalar))
#define ADDRESS(scalar) (scalar)

PRODUCTS(s, real, VALUE)
PRODUCTS(d, doublereal, VALUE)
PRODUCTS(c, singlecomplex, ADDRESS)
PRODUCTS(z, doublecomplex, ADDRESS)

/* With its own transpose: of a real matrix, or the conjugate one of a complex one. */
#define UPDATES(name, name2, type, scalar, OF)                                                             \
    int name##_(char *uplo, char *trans, integer *n, integer *k, scalar *alpha, type *a, integer *lda,     \
                scalar *beta, type *c, integer *ldc)                                                       \
    {                                                                                                      \
        cblas_##name(CblasColMajor, part(uplo), transposed(trans), *n, *k, *alpha, a, *lda, *beta, c,      \
                     *ldc);                                                                                \
        return 0;                                                                                          \
    }                                                                                                      \
    int name2##_(char *uplo, char *trans, integer *n, integer *k, type *alpha, type *a, integer *lda,      \
                 type *b, integer *ldb, scalar *beta, type *c, integer *ldc)                               \
    {                                                                                                      \
        cblas_##name2(CblasColMajor, part(uplo), transposed(trans), *n, *k, OF(alpha), a, *lda, b, *ldb,   \
                      *beta, c, *ldc);                                                                     \
        return 0;                                                                                          \
    }

UPDATES(ssyrk, ssyr2k, real, real, VALUE)
UPDATES(dsyrk, dsyr2k, doublereal, doublereal, VALUE)
UPDATES(cherk, cher2k, singlecomplex, real, ADDRESS)
UPDATES(zherk, zher2k, doublecomplex, doublereal, ADDRESS)
