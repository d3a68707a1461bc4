/* C += alpha * A * B of packed panels, two vectors of rows and four columns at a time; with TRMMKERNEL
   C = alpha * A * B, where one side is a triangle: its zeros are skipped. */
#include "common.h"
#include <wasm_simd128.h>

#ifdef DOUBLE
typedef double vector __attribute__((vector_size(16), aligned(8)));
#define MADD(a, b, c) ((vector)__builtin_wasm_relaxed_madd_f64x2((wide)(a), (wide)(b), (wide)(c)))
typedef double wide __attribute__((vector_size(16)));
#define LANES 2
#else
typedef float vector __attribute__((vector_size(16), aligned(4)));
typedef float wide __attribute__((vector_size(16)));
#define MADD(a, b, c) ((vector)__builtin_wasm_relaxed_madd_f32x4((wide)(a), (wide)(b), (wide)(c)))
#define LANES 4
#endif

#define SPLAT(vector, ...) __builtin_shufflevector(vector, vector, __VA_ARGS__)
#define ROWS GEMM_UNROLL_M
#define COLUMNS GEMM_UNROLL_N

_Static_assert(ROWS == 2 * LANES && COLUMNS == 4, "the tile below has this size");

static inline void
store(FLOAT *c, FLOAT value)
{
#ifdef TRMMKERNEL
    *c = value;
#else
    *c += value;
#endif
}

/* A tile of any size up to the full one. */
static inline __attribute__((always_inline)) void
tile(int rows, int columns, BLASLONG depth, FLOAT alpha, const FLOAT *a, const FLOAT *b, FLOAT *c, BLASLONG ldc)
{
    FLOAT sums[ROWS * COLUMNS] = {0};
    for (BLASLONG k = 0; k < depth; k++) {
        for (int j = 0; j < columns; j++) {
            for (int i = 0; i < rows; i++) {
                sums[j * rows + i] += a[i] * b[j];
            }
        }
        a += rows;
        b += columns;
    }
    for (int j = 0; j < columns; j++) {
        for (int i = 0; i < rows; i++) {
            store(c + j * ldc + i, alpha * sums[j * rows + i]);
        }
    }
}

/* What one step of the depth adds to a full tile. */
static inline __attribute__((always_inline)) void
step(vector sums[4][2], const FLOAT *a, const FLOAT *b)
{
    vector low = *(const vector *)a, high = *(const vector *)(a + LANES);
#ifdef DOUBLE
    vector b0 = *(const vector *)b, b1 = *(const vector *)(b + 2);
    vector all[4] = {SPLAT(b0, 0, 0), SPLAT(b0, 1, 1), SPLAT(b1, 0, 0), SPLAT(b1, 1, 1)};
#else
    vector b0 = *(const vector *)b;
    vector all[4] = {SPLAT(b0, 0, 0, 0, 0), SPLAT(b0, 1, 1, 1, 1), SPLAT(b0, 2, 2, 2, 2), SPLAT(b0, 3, 3, 3, 3)};
#endif
    #pragma clang loop unroll(full)
    for (int j = 0; j < 4; j++) {
        sums[j][0] = MADD(low, all[j], sums[j][0]);
        sums[j][1] = MADD(high, all[j], sums[j][1]);
    }
}

/* A full tile. Four steps a round, each with a way out of the loop: WebAssembly's compiler does all loads
   of a block before anything else, and what it loads too early goes by way of the stack. A function of its
   own for the same reason: the sums stay in registers. */
static __attribute__((noinline)) void
full(BLASLONG depth, FLOAT alpha, const FLOAT *a, const FLOAT *b, FLOAT *c, BLASLONG ldc)
{
    vector sums[4][2] = {0};
#define STEP step(sums, a, b); a += ROWS; b += COLUMNS; if (--depth == 0) break
    while (depth > 0) {
        STEP;
        STEP;
        STEP;
        STEP;
    }
#undef STEP
    vector scale = alpha - (vector){0};
    #pragma clang loop unroll(full)
    for (int j = 0; j < 4; j++) {
        vector *low = (vector *)(c + j * ldc), *high = (vector *)(c + j * ldc + LANES);
#ifdef TRMMKERNEL
        *low = scale * sums[j][0];
        *high = scale * sums[j][1];
#else
        *low = MADD(scale, sums[j][0], *low);
        *high = MADD(scale, sums[j][1], *high);
#endif
    }
}

struct product {
    BLASLONG depth, ldc, offset;
    FLOAT alpha;
};

/* One tile; where the triangle begins or ends in it, only that part of the depth is gone through. */
static inline __attribute__((always_inline)) void
part(const struct product *p, BLASLONG offset, int rows, int columns, const FLOAT *a, const FLOAT *b, FLOAT *c)
{
    BLASLONG depth = p->depth;
#ifdef TRMMKERNEL
#if defined(LEFT) != defined(TRANSA)
    a += offset * rows;
    b += offset * columns;
    depth -= offset;
#elif defined(LEFT)
    depth = offset + rows;
#else
    depth = offset + columns;
#endif
#else
    (void)offset;
#endif
    if (rows == ROWS && columns == COLUMNS) {
        full(depth, p->alpha, a, b, c, p->ldc);
    } else {
        tile(rows, columns, depth, p->alpha, a, b, c, p->ldc);
    }
}

static inline __attribute__((always_inline)) void
strip(const struct product *p, BLASLONG m, int columns, BLASLONG offset, const FLOAT *a, const FLOAT *b, FLOAT *c)
{
#if defined(TRMMKERNEL) && defined(LEFT)
#define NEXT(rows) (offset += (rows))
#else
#define NEXT(rows) ((void)0)
#endif
    for (; m >= ROWS; m -= ROWS) {
        part(p, offset, ROWS, columns, a, b, c);
        a += ROWS * p->depth;
        c += ROWS;
        NEXT(ROWS);
    }
#if ROWS > 4
    if (m & 4) {
        part(p, offset, 4, columns, a, b, c);
        a += 4 * p->depth;
        c += 4;
        NEXT(4);
    }
#endif
    if (m & 2) {
        part(p, offset, 2, columns, a, b, c);
        a += 2 * p->depth;
        c += 2;
        NEXT(2);
    }
    if (m & 1) {
        part(p, offset, 1, columns, a, b, c);
    }
}

int
CNAME(BLASLONG m, BLASLONG n, BLASLONG k, FLOAT alpha, FLOAT *a, FLOAT *b, FLOAT *c, BLASLONG ldc
#ifdef TRMMKERNEL
      , BLASLONG offset
#endif
)
{
    struct product p = {.depth = k, .ldc = ldc, .alpha = alpha};
#ifndef TRMMKERNEL
    BLASLONG offset = 0;
#elif !defined(LEFT)
    offset = -offset;
#endif
#if defined(TRMMKERNEL) && !defined(LEFT)
#define NEXT_COLUMNS(columns) (offset += (columns))
#else
#define NEXT_COLUMNS(columns) ((void)0)
#endif
    for (; n >= COLUMNS; n -= COLUMNS) {
        strip(&p, m, COLUMNS, offset, a, b, c);
        b += COLUMNS * k;
        c += COLUMNS * ldc;
        NEXT_COLUMNS(COLUMNS);
    }
    if (n & 2) {
        strip(&p, m, 2, offset, a, b, c);
        b += 2 * k;
        c += 2 * ldc;
        NEXT_COLUMNS(2);
    }
    if (n & 1) {
        strip(&p, m, 1, offset, a, b, c);
    }
    return 0;
}
