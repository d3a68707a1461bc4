/* How deep iterators over iterators go. CPython does not count that, and the native stack ends before a program's
   memory does. Here classes that `_ophidia.depth` lists do count. What goes away with what holds it counts in
   CPython itself (patches/0025-dealloc-depth.patch). */

#include "bridge.h"

/* A level takes an eighth at most of what a level of CPython's own recursion may take. */
#define SHARE 8

/* So many classes at most. */
#define CLASSES 64

#define EACH_8(X, n) X(n##0) X(n##1) X(n##2) X(n##3) X(n##4) X(n##5) X(n##6) X(n##7) /* octal */
#define EACH(X)                               \
    EACH_8(X, 00)                             \
    EACH_8(X, 01) EACH_8(X, 02) EACH_8(X, 03) \
        EACH_8(X, 04) EACH_8(X, 05) EACH_8(X, 06) EACH_8(X, 07)

static iternextfunc originals[CLASSES];

static uint32_t depth;

static PyObject *
next_of(iternextfunc next, PyObject *self)
{
    if (++depth % SHARE != 0) {
        PyObject *item = next(self);
        depth--;
        return item;
    }
    PyObject *item = NULL;
    if (Py_EnterRecursiveCall(" in an iterator") == 0) {
        item = next(self);
        Py_LeaveRecursiveCall();
    }
    depth--;
    return item;
}

/* Each class has its own, which knows what it stands for. */
#define NEXT(n)                               \
    static PyObject *next_##n(PyObject *self) \
    {                                         \
        return next_of(originals[n], self);   \
    }
EACH(NEXT)

static const iternextfunc counted[CLASSES] = {
#define COUNTED(n) next_##n,
    EACH(COUNTED)};

/* Before the snapshot, of classes that nothing inherits from yet. */
static PyObject *
count_depth(PyObject *self, PyObject *types)
{
    (void)self;
    if (!PyList_Check(types) || PyList_GET_SIZE(types) > CLASSES) {
        PyErr_Format(PyExc_ValueError, "a list of at most %d classes is wanted", CLASSES);
        return NULL;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(types); i++) {
        PyObject *type = PyList_GET_ITEM(types, i);
        if (!PyType_Check(type) || ((PyTypeObject *)type)->tp_iternext == NULL) {
            PyErr_Format(PyExc_TypeError, "%R is no class of iterators", type);
            return NULL;
        }
        originals[i] = ((PyTypeObject *)type)->tp_iternext;
        ((PyTypeObject *)type)->tp_iternext = counted[i];
    }
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"count_depth", count_depth, METH_O, "(classes) -> None"},
    {NULL, NULL, 0, NULL},
};

int
depth_ready(PyObject *module)
{
    return PyModule_AddFunctions(module, methods);
}
