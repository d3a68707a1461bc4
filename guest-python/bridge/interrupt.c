/* Where the host asks for a KeyboardInterrupt: two words, no call into the guest. The host writes
   them when metered code calls it. */

#define Py_BUILD_CORE 1
#include "tasklets.h"
#include "internal/pycore_ceval.h"
#include "internal/pycore_interpframe.h"

#include <wasi/api.h>

/* Defined in signalmodule.c by patches/0002-host-interrupt.patch. */
extern volatile uint32_t ophidia_interrupt_requested;

void
bridge_interrupt_locate(struct ophidia_frame *frame)
{
    PyThreadState *tstate = PyThreadState_Get();
    frame->interrupt_flag = (uint32_t)(uintptr_t)&ophidia_interrupt_requested;
    frame->eval_breaker = (uint32_t)(uintptr_t)&tstate->eval_breaker;
    frame->eval_breaker_bits = _PY_SIGNALS_PENDING_BIT;
}

int __real__PyErr_CheckSignalsTstate(PyThreadState *tstate);

/* Whether what runs is the event loop itself, between taking a step off its list and making it. */
static int
is_internal(PyThreadState *tstate)
{
    _PyInterpreterFrame *frame = _PyThreadState_GetFrame(tstate);
    if (frame == NULL || bridge.internal == NULL || !PyTuple_CheckExact(bridge.internal)) {
        return 0;
    }
    PyObject *filename = _PyFrame_GetCode(frame)->co_filename;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(bridge.internal); i++) {
        if (PyTuple_GET_ITEM(bridge.internal, i) == filename) {
            return 1;
        }
    }
    return 0;
}

/* What was raised last in a tasklet because the host asked, until its step is over. */
static PyObject *asked;

void
interrupt_forget_asked(void)
{
    Py_CLEAR(asked);
}

int
interrupt_is_asked(PyObject *error)
{
    return error != NULL && error == asked;
}

static int
look(PyThreadState *tstate)
{
    int failed = __real__PyErr_CheckSignalsTstate(tstate);
    if (failed && tasklets_running != NULL) {
        Py_XSETREF(asked, Py_XNewRef(tstate->current_exception));
    }
    return failed;
}

/* The evaluation loop's own look: what the host asks for waits until it can be raised in the program. */
int
__wrap__PyErr_CheckSignalsTstate(PyThreadState *tstate)
{
    if (ophidia_interrupt_requested && is_internal(tstate)) {
        _Py_set_eval_breaker_bit(tstate, _PY_SIGNALS_PENDING_BIT);
        return 0;
    }
    return look(tstate);
}

/* Raises what the host has asked for by now: the event loop's, where it is between two steps. */
static PyObject *
raise_asked(PyObject *self, PyObject *unused)
{
    (void)self, (void)unused;
    if (ophidia_interrupt_requested && look(PyThreadState_Get()) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"raise_asked", raise_asked, METH_NOARGS, "() -> None, unless the host asks for an exception."},
    {NULL, NULL, 0, NULL},
};

int
interrupt_ready(PyObject *module)
{
    return PyModule_AddFunctions(module, methods);
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
