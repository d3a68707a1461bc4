/* e to the power of many doubles, two at a time: the C library's exp takes them one by one. Included by
   loops_exponent_log.dispatch.c.src (0013-exp-of-vectors.patch). */
#ifndef OPHIDIA_WASM_EXP_H
#define OPHIDIA_WASM_EXP_H

#include <math.h>
#include <stdint.h>
#include <wasm_simd128.h>

#define wasm_log(from, from_step, to, to_step, count) 0

/* Of 2^(i/64), i = 0 ... 63: by how much of itself the double nearest to it is too small, and the bits of that
   double less i * 2^46, so that adding k * 2^46 to them gives 2^(k/64) for any k that ends in i. */
static const uint64_t wasm_exp_powers[64][2] = {
    {0x0000000000000000, 0x3ff0000000000000}, {0xbc7160139cd8dc5d, 0x3fefec9a3e778061},
    {0x3c8cd2523567f613, 0x3fefd9b0d3158574}, {0x3c60f74e61e6c861, 0x3fefc74518759bc8},
    {0x3c979aa65d837b6d, 0x3fefb5586cf9890f}, {0x3c3ebe3d702f9cd1, 0x3fefa3ec32d3d1a2},
    {0xbc9556522a2fbd0e, 0x3fef9301d0125b51}, {0xbc91c923b9d5f416, 0x3fef829aaea92de0},
    {0xbc801b15eaa59348, 0x3fef72b83c7d517b}, {0x3c8b898c3f1353bf, 0x3fef635beb6fcb75},
    {0x3c9aecf73e3a2f60, 0x3fef54873168b9aa}, {0x3c8a6f4144a6c38d, 0x3fef463b88628cd6},
    {0x3c968efde3a8a894, 0x3fef387a6e756238}, {0x3c80472b981fe7f2, 0x3fef2b4565e27cdd},
    {0x3c82f7e16d09ab31, 0x3fef1e9df51fdee1}, {0x3c8b3782720c0ab4, 0x3fef1285a6e4030b},
    {0x3c834d754db0abb6, 0x3fef06fe0a31b715}, {0x3c8fdd395dd3f84a, 0x3feefc08b26416ff},
    {0xbc924aedcc4b5068, 0x3feef1a7373aa9cb}, {0xbc71d1e83e9436d2, 0x3feee7db34e59ff7},
    {0x3c859f48a72a4c6d, 0x3feedea64c123422}, {0xbc58a78f4817895b, 0x3feed60a21f72e2a},
    {0x3c4363ed60c2ac11, 0x3feece086061892d}, {0x3c6ecce1daa10379, 0x3feec6a2b5c13cd0},
    {0x3c7690cebb7aafb0, 0x3feebfdad5362a27}, {0xbc8f94340071a38e, 0x3feeb9b2769d2ca7},
    {0xbc78dec6bd0f385f, 0x3feeb42b569d4f82}, {0x3c93350518fdd78e, 0x3feeaf4736b527da},
    {0x3c9063e1e21c5409, 0x3feeab07dd485429}, {0x3c9432e62b64c035, 0x3feea76f15ad2148},
    {0xbc8c33c53bef4da8, 0x3feea47eb03a5585}, {0xbc93cedd78565858, 0x3feea23882552225},
    {0xbc93b3efbf5e2228, 0x3feea09e667f3bcd}, {0xbc6367efb86da9ee, 0x3fee9fb23c651a2f},
    {0xbc781f647e5a3ecf, 0x3fee9f75e8ec5f74}, {0xbc8619321e55e68a, 0x3fee9feb564267c9},
    {0xbc7b32dcb94da51d, 0x3feea11473eb0187}, {0x3c65ebe1abd66c55, 0x3feea2f336cf4e62},
    {0xbc9369b6f13b3734, 0x3feea589994cce13}, {0xbc94d450d872576e, 0x3feea8d99b4492ed},
    {0x3c8db72fc1f0eab4, 0x3feeace5422aa0db}, {0x3c7bf68359f35f44, 0x3feeb1ae99157736},
    {0xbc5da9b88b6c1e29, 0x3feeb737b0cdc5e5}, {0xbc92434322f4f9aa, 0x3feebd829fde4e50},
    {0x3c71affc2b91ce27, 0x3feec49182a3f090}, {0xbc87c50422622263, 0x3feecc667b5de565},
    {0xbc91bbd1d3bcbb15, 0x3feed503b23e255d}, {0x3c8469846e735ab3, 0x3feede6b5579fdbf},
    {0x3c8c1a7792cb3387, 0x3feee89f995ad3ad}, {0xbc55c3d956dcaeba, 0x3feef3a2b84f15fb},
    {0xbc68d6f438ad9334, 0x3feeff76f2fb5e47}, {0x3c74ffd70a5fddcd, 0x3fef0c1e904bc1d2},
    {0x3c736eae30af0cb3, 0x3fef199bdd85529c}, {0x3c84e08fd10959ac, 0x3fef27f12e57d14b},
    {0x3c676b2c6c921968, 0x3fef3720dcef9069}, {0xbc8fad5d3ffffa6f, 0x3fef472d4a07897c},
    {0x3c74a385a63d07a7, 0x3fef5818dcfba487}, {0x3c8e5a50d5c192ac, 0x3fef69e603db3285},
    {0xbc82d52107b43e1f, 0x3fef7c97337b9b5f}, {0x3c74b604603a88d3, 0x3fef902ee78b3ff6},
    {0xbc8ff7128fd391f0, 0x3fefa4afa2a490da}, {0x3c8ec3bc41aa2008, 0x3fefba1bee615a27},
    {0x3c8a64a931d185ee, 0x3fefd0765b6e4540}, {0x3c77893b4d91cd9d, 0x3fefe7c1819e90d8},
};

/* x = k ln 2 / 64 + r with |r| <= ln 2 / 128; then 2^(k/64) times the series of e^r, which ends below a fifth of
   a unit in the last place after r^5 / 5!. The high part of ln 2 has 21 zeros at its end, so that k times it is
   exact even where products are rounded before they are added. */
static inline __attribute__((target("relaxed-simd"))) v128_t
wasm_exp_pair(v128_t x)
{
#define ALL(number) wasm_f64x2_splat(number)
#define MADD(a, b, c) wasm_f64x2_relaxed_madd(a, b, c)
    const v128_t shift = ALL(0x1.8p52);
    v128_t k = MADD(x, ALL(0x1.71547652b82fep6), shift);
    v128_t place = wasm_i64x2_shl(k, 4);
    const char *powers = (const char *)wasm_exp_powers;
    v128_t first = wasm_v128_load(powers + (wasm_i32x4_extract_lane(place, 0) & 63 << 4));
    v128_t second = wasm_v128_load(powers + (wasm_i32x4_extract_lane(place, 2) & 63 << 4));
    v128_t tail = wasm_i64x2_shuffle(first, second, 0, 2), power = wasm_i64x2_shuffle(first, second, 1, 3);
    power = wasm_i64x2_add(power, wasm_i64x2_shl(k, 46));
    v128_t rounded = wasm_f64x2_sub(k, shift);
    v128_t r = MADD(rounded, ALL(-0x1.62e42fee00000p-7), x);
    r = MADD(rounded, ALL(-0x1.a39ef35793c76p-39), r);
    v128_t series = MADD(r, ALL(1.0 / 120), ALL(1.0 / 24));
    series = MADD(MADD(series, r, ALL(1.0 / 6)), r, ALL(1.0 / 2));
    series = MADD(series, wasm_f64x2_mul(r, r), wasm_f64x2_add(tail, r));
    return MADD(power, series, power);
#undef MADD
#undef ALL
}

/* Of what is within, e to its power is a normal number. */
#define WASM_EXP_BOUND 708.0

/* How many of the first numbers it has done: up to eight of which one might leave the normal numbers. One test
   for the eight: where there are two in a round, WebAssembly's compiler keeps all constants on the stack. */
static __attribute__((target("relaxed-simd"), noinline)) npy_intp
wasm_exp_eights(const double *in, double *out, npy_intp count)
{
    npy_intp i = 0;
    for (; i + 8 <= count; i += 8) {
        v128_t x[4], squares = wasm_f64x2_splat(0);
        for (int j = 0; j < 4; j++) {
            x[j] = wasm_v128_load(in + i + 2 * j);
            squares = wasm_f64x2_relaxed_madd(x[j], x[j], squares);
        }
        /* The sum is no less than each square, and NaN where one is. */
        if (wasm_i64x2_bitmask(wasm_f64x2_lt(squares, wasm_f64x2_splat(WASM_EXP_BOUND * WASM_EXP_BOUND))) != 3) {
            break;
        }
        for (int j = 0; j < 4; j++) {
            wasm_v128_store(out + i + 2 * j, wasm_exp_pair(x[j]));
        }
    }
    return i;
}

/* One number as its neighbours: the result does not depend on the place. */
static inline __attribute__((target("relaxed-simd"))) double
wasm_exp_one(double x)
{
    return fabs(x) < WASM_EXP_BOUND ? wasm_f64x2_extract_lane(wasm_exp_pair(wasm_f64x2_splat(x)), 0) : exp(x);
}

/* Whether it has done so: of numbers side by side. What leaves the normal numbers is left to exp. */
static inline __attribute__((target("relaxed-simd"))) int
wasm_exp(const char *from, npy_intp from_step, char *to, npy_intp to_step, npy_intp count)
{
    if (from_step != sizeof(double) || to_step != sizeof(double) || (to > from && to < from + 64)
        || (from > to && from < to + 64)) {
        return 0;
    }
    const double *in = (const double *)from;
    double *out = (double *)to;
    npy_intp i = 0;
    while (i < count) {
        i += wasm_exp_eights(in + i, out + i, count - i);
        for (npy_intp end = count - i < 8 ? count : i + 8; i < end; i++) {
            out[i] = wasm_exp_one(in[i]);
        }
    }
    return 1;
}

#endif
