/* What a snapshot must not share of numpy. */

#include "bridge.h"

/* Defined in mt19937.c by numpy/0008-forgotten-state.patch. */
extern void *mt19937_forgotten;

/* The first member of what the capsule of a bit generator holds. */
struct bit_generator {
    void *state;
};

int
numpy_forget_seed(void)
{
    PyObject *module = PyImport_GetModule(PyUnicode_InternFromString("numpy.random.mtrand"));
    if (module == NULL) {
        return PyErr_Occurred() ? -1 : 0; /* not preloaded: it seeds itself when it is imported */
    }
    PyObject *global = PyObject_GetAttrString(module, "_rand");
    PyObject *generator = global == NULL ? NULL : PyObject_GetAttrString(global, "_bit_generator");
    PyObject *capsule = generator == NULL ? NULL : PyObject_GetAttrString(generator, "capsule");
    struct bit_generator *bits = capsule == NULL ? NULL : PyCapsule_GetPointer(capsule, "BitGenerator");
    if (bits != NULL) {
        mt19937_forgotten = bits->state;
    }
    /* The module holds the generator as long as nobody replaces it; then its state is of no account. */
    Py_XDECREF(capsule);
    Py_XDECREF(generator);
    Py_XDECREF(global);
    Py_DECREF(module);
    return bits == NULL ? -1 : 0;
}
