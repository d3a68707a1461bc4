/* The buffer into which blocks of matrices are packed. There is one thread, and no product asks for a second
   buffer while it has one. In memory that is part of the guest from the start: nothing to be refused, and
   no cost before it is used. Takes the place of driver/others/memory.c. */

#include "common.h"

static _Alignas(64) char buffer[BUFFER_SIZE];
static int taken;

int blas_cpu_number = 1;
int blas_num_threads = 1;

int
blas_get_cpu_number(void)
{
    return 1;
}

void *
blas_memory_alloc(int unused)
{
    (void)unused;
    if (taken) {
        __builtin_trap();
    }
    taken = 1;
    return buffer;
}

void
blas_memory_free(void *unused)
{
    (void)unused;
    taken = 0;
}
