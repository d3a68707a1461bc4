/* Converters of the host's scopes, for values on their way in. */

#include "bridge.h"

/* What _ophidia.interop was given for the open scopes, NULL when there is none; and while one of them is at
   work, since none is applied to what a converter does itself. */
static PyObject *active;

PyObject *
converters_active(void)
{
    return active;
}

PyObject *
converters_apply(PyObject *value)
{
    PyObject *converters = active;
    if (converters == NULL || value == NULL) {
        return value;
    }
    active = NULL;
    PyObject *result = PyObject_CallFunctionObjArgs(bridge.converted, converters, value, NULL);
    Py_XSETREF(active, converters);
    Py_DECREF(value);
    return result;
}

/* Takes the place of what there was before, which it returns: `None` for nothing. */
static PyObject *
set_converters(PyObject *Py_UNUSED(module), PyObject *converters)
{
    PyObject *before = active;
    active = Py_IsNone(converters) ? NULL : Py_NewRef(converters);
    return before == NULL ? Py_NewRef(Py_None) : before;
}

static PyMethodDef methods[] = {
    {"set_converters", set_converters, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

int
converters_ready(PyObject *module)
{
    return PyModule_AddFunctions(module, methods);
}
