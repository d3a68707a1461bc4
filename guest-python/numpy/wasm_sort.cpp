/* Sorting numbers of 32 and 64 bits with WebAssembly's vectors, by the Highway that comes with numpy. Called by
   quicksort.hpp (0014-sort-with-vectors.patch). */

#define VQSORT_ONLY_STATIC 1
#include "hwy/highway.h"
#include "hwy/contrib/sort/vqsort-inl.h"

#include "numpy/npy_common.h"

namespace np::wasm {

template <typename T>
void
Sort(T *numbers, npy_intp count)
{
    hwy::HWY_NAMESPACE::VQSortStatic(numbers, static_cast<size_t>(count), hwy::SortAscending());
}

template void Sort<int32_t>(int32_t *, npy_intp);
template void Sort<uint32_t>(uint32_t *, npy_intp);
template void Sort<int64_t>(int64_t *, npy_intp);
template void Sort<uint64_t>(uint64_t *, npy_intp);
template void Sort<float>(float *, npy_intp);
template void Sort<double>(double *, npy_intp);

}  // namespace np::wasm
