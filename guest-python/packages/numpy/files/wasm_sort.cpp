/* Sorting numbers of 32 and 64 bits: byte by byte, by numpy's own radix sort, if they are neither few nor more than
   fit a cache, and there is room for as many again; else with WebAssembly's vectors, by the Highway that comes with
   numpy. Called by quicksort.hpp (0014-sort-with-vectors.patch). */

#define VQSORT_ONLY_STATIC 1
#include "hwy/highway.h"
#include "hwy/contrib/sort/vqsort-inl.h"

#include "radixsort.hpp"

#include <limits>
#include <type_traits>

namespace np::wasm {

constexpr npy_intp few = 1000;
constexpr npy_intp cache_bytes = 16 << 20;

template <typename T>
static bool
ByBytes(npy_intp count)
{
    return count >= few && count <= cache_bytes / npy_intp(sizeof(T));
}

template <typename T>
static void
ByVectors(T *numbers, npy_intp count)
{
    hwy::HWY_NAMESPACE::VQSortStatic(numbers, static_cast<size_t>(count), hwy::SortAscending());
}

template <typename T>
static void
SortIntegers(T *numbers, npy_intp count)
{
    if (!ByBytes<T>(count) || radixsort<T>(numbers, count) != 0) {
        ByVectors(numbers, count);
    }
}

/* Integers in the order of the floating-point numbers with these bits, as sorting has it: NaN of either sign last. */
template <typename U>
struct Keys {
    using Signed = std::make_signed_t<U>;
    static constexpr int last = std::numeric_limits<U>::digits - 1;
    static constexpr U sign = U(1) << last;

    /* All bits of a negative number are turned round, of another one the sign. */
    static constexpr U
    Ordered(U bits)
    {
        return bits ^ (U(Signed(bits) >> last) | sign);
    }

    static constexpr U negative_infinity =
            Ordered(sizeof(U) == 8 ? U(0xfff0000000000000) : U(0xff800000));

    /* Below the negative infinity are NaN with a sign, which go round to the top. */
    static U
    Of(U bits)
    {
        return Ordered(bits) - negative_infinity;
    }

    static U
    Bits(U key)
    {
        U ordered = key + negative_infinity;
        return ordered ^ (~U(Signed(ordered) >> last) | sign);
    }
};

template <typename T>
void
Sort(T *numbers, npy_intp count)
{
    if constexpr (std::is_integral_v<T>) {
        SortIntegers(numbers, count);
    }
    else if (!ByBytes<T>(count)) {
        ByVectors(numbers, count);
    }
    else {
        using U = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;
        typedef U __attribute__((may_alias)) Bits;
        Bits *bits = reinterpret_cast<Bits *>(numbers);
        for (npy_intp i = 0; i < count; i++) {
            bits[i] = Keys<U>::Of(bits[i]);
        }
        SortIntegers(reinterpret_cast<U *>(numbers), count);
        for (npy_intp i = 0; i < count; i++) {
            bits[i] = Keys<U>::Bits(bits[i]);
        }
    }
}

template void Sort<int32_t>(int32_t *, npy_intp);
template void Sort<uint32_t>(uint32_t *, npy_intp);
template void Sort<int64_t>(int64_t *, npy_intp);
template void Sort<uint64_t>(uint64_t *, npy_intp);
template void Sort<float>(float *, npy_intp);
template void Sort<double>(double *, npy_intp);

}  // namespace np::wasm
