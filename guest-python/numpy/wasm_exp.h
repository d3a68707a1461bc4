/* e to the power of many doubles, two at a time: the C library's exp takes them one by one. Included by
   loops_exponent_log.dispatch.c.src (0013-exp-of-vectors.patch). */
#ifndef OPHIDIA_WASM_EXP_H
#define OPHIDIA_WASM_EXP_H

#include <math.h>
#include <wasm_simd128.h>

#define wasm_log(from, from_step, to, to_step, count) 0

/* x = k ln 2 + r with |r| <= ln 2 / 2; then 2^k times the series of e^r, which ends below half a unit in the
   last place after r^13 / 13!. The high part of ln 2 has 21 zeros at its end, so that k times it is exact
   even where products are rounded before they are added. */
static inline __attribute__((target("relaxed-simd"))) v128_t
wasm_exp_pair(v128_t x)
{
#define ALL(number) wasm_f64x2_splat(number)
#define MADD(a, b, c) wasm_f64x2_relaxed_madd(a, b, c)
    const v128_t shift = ALL(0x1.8p52);
    v128_t shifted = MADD(x, ALL(0x1.71547652b82fep0), shift);
    v128_t k = wasm_f64x2_sub(shifted, shift);
    v128_t r = MADD(k, ALL(-0x1.62e42fee00000p-1), x);
    r = MADD(k, ALL(-0x1.a39ef35793c76p-33), r);
    v128_t r2 = wasm_f64x2_mul(r, r), r4 = wasm_f64x2_mul(r2, r2), r8 = wasm_f64x2_mul(r4, r4);
    v128_t a0 = MADD(r, ALL(1.0 / 6), ALL(1.0 / 2)), a1 = MADD(r, ALL(1.0 / 120), ALL(1.0 / 24));
    v128_t a2 = MADD(r, ALL(1.0 / 5040), ALL(1.0 / 720)), a3 = MADD(r, ALL(1.0 / 362880), ALL(1.0 / 40320));
    v128_t a4 = MADD(r, ALL(1.0 / 39916800), ALL(1.0 / 3628800));
    v128_t a5 = MADD(r, ALL(1.0 / 6227020800), ALL(1.0 / 479001600));
    v128_t b0 = MADD(a1, r2, a0), b1 = MADD(a3, r2, a2), b2 = MADD(a5, r2, a4);
    v128_t rest = MADD(b2, r8, MADD(b1, r4, b0));
    v128_t power = wasm_f64x2_add(ALL(1.0), MADD(r2, rest, r));
    return wasm_i64x2_add(power, wasm_i64x2_shl(shifted, 52));
#undef MADD
#undef ALL
}

/* Whether it has done so: of numbers side by side. What leaves the normal numbers is left to exp. */
static inline __attribute__((target("relaxed-simd"))) int
wasm_exp(const char *from, npy_intp from_step, char *to, npy_intp to_step, npy_intp count)
{
    if (from_step != sizeof(double) || to_step != sizeof(double) || (to > from && to < from + 16)
        || (from > to && from < to + 16)) {
        return 0;
    }
    const double *in = (const double *)from;
    double *out = (double *)to;
    npy_intp i = 0;
    for (; i + 2 <= count; i += 2) {
        v128_t x = wasm_v128_load(in + i);
        if (wasm_i64x2_all_true(wasm_f64x2_lt(wasm_f64x2_abs(x), wasm_f64x2_splat(708.0)))) {
            wasm_v128_store(out + i, wasm_exp_pair(x));
        } else {
            double first = exp(wasm_f64x2_extract_lane(x, 0)), second = exp(wasm_f64x2_extract_lane(x, 1));
            out[i] = first;
            out[i + 1] = second;
        }
    }
    if (i < count) {
        double x = in[i];
        /* As its neighbours: the result does not depend on the place. */
        out[i] = fabs(x) < 708.0 ? wasm_f64x2_extract_lane(wasm_exp_pair(wasm_f64x2_splat(x)), 0) : exp(x);
    }
    return 1;
}

#endif
