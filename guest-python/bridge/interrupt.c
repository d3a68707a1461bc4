/* Where the host asks for a KeyboardInterrupt: two words, no call into the guest. */

#define Py_BUILD_CORE 1
#include "bridge.h"
#include "internal/pycore_ceval.h"

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
