/* Options of the interpreter that are set when it is there already. */

#define Py_BUILD_CORE 1
#include "bridge.h"
#include "internal/pycore_interp.h"
#include "internal/pycore_pystate.h"

#include <string.h>

/* sys.flags with another value in it; it cannot be made from Python. */
static PyObject *
set_flag(PyObject *self, PyObject *args)
{
    (void)self;
    const char *name;
    PyObject *value, *flags = PySys_GetObject("flags"); /* borrowed */
    if (!PyArg_ParseTuple(args, "sO", &name, &value)) {
        return NULL;
    }
    if (flags == NULL || !PyTuple_Check(flags)) {
        PyErr_SetString(PyExc_RuntimeError, "sys.flags is gone");
        return NULL;
    }
    PyTypeObject *type = Py_TYPE(flags);
    PyObject *changed = PyStructSequence_New(type);
    Py_ssize_t size = PyTuple_GET_SIZE(flags);
    /* Those behind `size` are attributes alone. */
    PyObject *all = PyObject_GetAttrString((PyObject *)type, "n_fields");
    Py_ssize_t fields = all == NULL ? -1 : PyLong_AsSsize_t(all);
    Py_XDECREF(all);
    for (Py_ssize_t i = 0; changed != NULL && i < fields; i++) {
        const char *field = type->tp_members[i].name;
        PyObject *old = i < size ? Py_NewRef(PyTuple_GET_ITEM(flags, i)) : PyObject_GetAttrString(flags, field);
        if (old == NULL) {
            Py_CLEAR(changed);
            break;
        }
        PyStructSequence_SetItem(changed, i, strcmp(field, name) == 0 ? Py_NewRef(value) : Py_NewRef(old));
        Py_DECREF(old);
    }
    int failed = changed == NULL || PySys_SetObject("flags", changed) < 0;
    Py_XDECREF(changed);
    if (failed) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* What compile() takes when it is not told. */
static PyObject *
set_optimization(PyObject *self, PyObject *level)
{
    (void)self;
    int number = PyLong_AsInt(level);
    if (number == -1 && PyErr_Occurred()) {
        return NULL;
    }
    _PyInterpreterState_GET()->config.optimization_level = number;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"set_flag", set_flag, METH_VARARGS, "(name, value) -> None: in sys.flags."},
    {"set_optimization", set_optimization, METH_O, "(level) -> None"},
    {NULL, NULL, 0, NULL},
};

int
options_ready(PyObject *module)
{
    return PyModule_AddFunctions(module, methods);
}
