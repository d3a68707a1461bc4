/* Where the host asks for a KeyboardInterrupt: two words, no call into the guest. The host writes
   them when metered code calls it. */

#define Py_BUILD_CORE 1
#include "bridge.h"
#include "internal/pycore_ceval.h"

#include <wasi/api.h>

/* Defined in signalmodule.c by patches/host-interrupt.patch. */
extern volatile uint32_t ophidia_interrupt_requested;

void
bridge_interrupt_locate(struct ophidia_frame *frame)
{
    PyThreadState *tstate = PyThreadState_Get();
    frame->interrupt_flag = (uint32_t)(uintptr_t)&ophidia_interrupt_requested;
    frame->eval_breaker = (uint32_t)(uintptr_t)&tstate->eval_breaker;
    frame->eval_breaker_bits = _PY_SIGNALS_PENDING_BIT;
}

__attribute__((import_module("ophidia"), import_name("meter"))) extern void
ophidia_meter(size_t work);

__wasi_errno_t __real___wasi_fd_read(__wasi_fd_t fd, const __wasi_iovec_t *vectors, size_t count,
                                     __wasi_size_t *read);

/* An interruption ends a read with EINTR, or as if there were nothing more to read. Either way the
   host is asked at once, so that CPython finds the interruption when it looks at its signals. */
__wasi_errno_t
__wrap___wasi_fd_read(__wasi_fd_t fd, const __wasi_iovec_t *vectors, size_t count,
                      __wasi_size_t *read)
{
    __wasi_errno_t error = __real___wasi_fd_read(fd, vectors, count, read);
    if (error == __WASI_ERRNO_INTR || (error == __WASI_ERRNO_SUCCESS && *read == 0)) {
        ophidia_meter(SIZE_MAX); /* more work than any budget has room for: the host is called */
        if (ophidia_interrupt_requested) {
            return __WASI_ERRNO_INTR;
        }
    }
    return error;
}
