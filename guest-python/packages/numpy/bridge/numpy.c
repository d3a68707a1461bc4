/* What the bridge knows of numpy: the seed that a snapshot must not share, and scalars. */

#include "values.h"

#include <string.h>

/* The class of all scalars, and two of its subclasses; nothing is an instance before numpy is imported. */
extern PyTypeObject PyGenericArrType_Type, PyDatetimeArrType_Type, PyTimedeltaArrType_Type;

/* Defined in mt19937.c by patches/0008-forgotten-state.patch. */
extern void *mt19937_forgotten;

/* As numpy/random/src/mt19937/mt19937.h has it: all words used up stands for a position of so many. */
struct mt19937_state {
    uint32_t key[624];
    int position;
};

/* The first member of what the capsule of a bit generator holds. */
struct bit_generator {
    struct mt19937_state *state;
};

/* Lets every interpreter seed the global generator anew. */
static int
forget_seed(void)
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
        bits->state->position = sizeof bits->state->key / sizeof *bits->state->key; /* no word is left of it */
    }
    /* The module holds the generator as long as nobody replaces it; then its state is of no account. */
    Py_XDECREF(capsule);
    Py_XDECREF(generator);
    Py_XDECREF(global);
    Py_DECREF(module);
    return bits == NULL ? -1 : 0;
}

static int
put(PyObject *value)
{
    PyTypeObject *type = Py_TYPE(value);
    if (!PyType_IsSubtype(type, &PyGenericArrType_Type) || PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE)) {
        return 0;
    }
    PyObject *item = PyObject_CallMethod(value, "item", NULL);
    if (item == NULL) {
        return -1;
    }
    /* What has no plain form is given as itself, records as tuples, moments finer than Python's as numbers. */
    int moment = type == &PyDatetimeArrType_Type || type == &PyTimedeltaArrType_Type;
    int stays = PyObject_TypeCheck(item, &PyGenericArrType_Type) || PyTuple_Check(item)
                || (moment && PyLong_Check(item));
    int result = stays ? 0 : value_put_value(item, 0) < 0 ? -1 : 1;
    Py_DECREF(item);
    return result;
}

/* Its class and no subclass of it. */
static int
is_array(PyObject *value)
{
    return strcmp(Py_TYPE(value)->tp_name, "numpy.ndarray") == 0;
}

const struct package package_numpy = {.settle = forget_seed, .put = put, .is_array = is_array};
