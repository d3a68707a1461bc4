/* Descriptors that have more than one number. The C library knows none; the host's table does. */

#include "network.h"

#include <errno.h>

/* One more number: the lowest that is free or, where it is given, that one. */
static PyObject *
duplicate(PyObject *self, PyObject *args)
{
    (void)self;
    int fd, onto = -1;
    uint32_t number = 0;
    if (!PyArg_ParseTuple(args, "i|i", &fd, &onto)) {
        return NULL;
    }
    uint32_t failed = ophidia_host_duplicate((uint32_t)fd, (uint32_t)onto, address(&number));
    if (failed != 0) {
        errno = (int)failed;
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    return PyLong_FromUnsignedLong(number);
}

static PyMethodDef methods[] = {
    {"duplicate", duplicate, METH_VARARGS, "(fd, onto=-1) -> number"},
    {NULL, NULL, 0, NULL},
};

int
descriptors_ready(PyObject *module)
{
    return PyModule_AddFunctions(module, methods);
}
