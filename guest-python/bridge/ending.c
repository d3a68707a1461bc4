/* The end of a program: what its objects do when they go. */

#include "bridge.h"

/* Calls the finalizers of objects, as the collector does with what is garbage: all of them before any object goes,
   so that they find one another as they were. None is called twice. */
static PyObject *
finalize(PyObject *self, PyObject *objects)
{
    (void)self;
    if (!PyList_Check(objects)) {
        PyErr_SetString(PyExc_TypeError, "a list of objects is wanted");
        return NULL;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(objects); i++) {
        PyObject *object = Py_NewRef(PyList_GET_ITEM(objects, i));
        if (Py_TYPE(object)->tp_finalize != NULL) {
            PyObject_CallFinalizer(object);
        }
        Py_DECREF(object);
    }
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"finalize", finalize, METH_O, "(objects) -> None: calls their finalizers."},
    {NULL, NULL, 0, NULL},
};

int
ending_ready(PyObject *module)
{
    return PyModule_AddFunctions(module, methods);
}
