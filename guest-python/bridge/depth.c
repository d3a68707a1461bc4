/* How deep objects in objects go, where CPython does not count it and the native stack ends before a program's memory
   does: iterators over iterators, and the end of what holds objects but is not the collector's. Here classes that
   `_ophidia.depth` and packages list do count. What is the collector's counts in CPython itself
   (patches/0025-dealloc-depth.patch). */

#define Py_BUILD_CORE 1
#include "bridge.h"
#include "internal/pycore_pystate.h"

/* A level takes an eighth at most of what a level of CPython's own recursion may take. */
#define SHARE 8

/* So many classes at most, all together. */
#define CLASSES 64

#define EACH_8(X, n) X(n##0) X(n##1) X(n##2) X(n##3) X(n##4) X(n##5) X(n##6) X(n##7) /* octal */
#define EACH(X)                               \
    EACH_8(X, 00)                             \
    EACH_8(X, 01) EACH_8(X, 02) EACH_8(X, 03) \
        EACH_8(X, 04) EACH_8(X, 05) EACH_8(X, 06) EACH_8(X, 07)

static struct {
    iternextfunc next;
    destructor dealloc;
} originals[CLASSES];

/* --- next ---------------------------------------------------------------------------------- */

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
#define NEXT(n)                                  \
    static PyObject *next_##n(PyObject *self)    \
    {                                            \
        return next_of(originals[n].next, self); \
    }
EACH(NEXT)

/* --- dealloc ------------------------------------------------------------------------------- */

static PyObject *waiting;

/* Keeps an object whose last reference has gone away until there is room on the native stack: in a list linked through
   its count of references, which is 0 and nobody's. */
static void
wait_for_room(PyObject *object)
{
    object->ob_refcnt = (Py_ssize_t)(uintptr_t)waiting;
    waiting = object;
}

static void
end_waiting(void)
{
    while (waiting != NULL) {
        PyObject *object = waiting;
        waiting = (PyObject *)(uintptr_t)object->ob_refcnt;
        object->ob_refcnt = 0;
        Py_TYPE(object)->tp_dealloc(object);
    }
}

/* As CPython's trashcan. An instance of a subclass is in the middle of its own end, and cannot wait. */
static void
dealloc_of(destructor dealloc, destructor own, PyObject *object)
{
    PyThreadState *tstate = PyThreadState_Get();
    if (_Py_RecursionLimit_GetMargin(tstate) < 2 && Py_TYPE(object)->tp_dealloc == own) {
        wait_for_room(object);
        return;
    }
    int *levels = &((_PyThreadStateImpl *)tstate)->c_recursion_remaining;
    --*levels;
    dealloc(object);
    if (waiting != NULL && _Py_RecursionLimit_GetMargin(tstate) >= 4) {
        end_waiting();
    }
    ++*levels;
}

#define DEALLOC(n)                                           \
    static void dealloc_##n(PyObject *self)                  \
    {                                                        \
        dealloc_of(originals[n].dealloc, dealloc_##n, self); \
    }
EACH(DEALLOC)

/* --- the classes --------------------------------------------------------------------------- */

static const struct {
    iternextfunc next;
    destructor dealloc;
} counted[CLASSES] = {
#define BOTH(n) {next_##n, dealloc_##n},
    EACH(BOTH)};

static void
count_one(PyTypeObject *type, size_t number)
{
    if (type->tp_iternext != NULL) {
        originals[number].next = type->tp_iternext;
        type->tp_iternext = counted[number].next;
    }
    if (type->tp_dealloc != NULL && !PyType_IS_GC(type)) {
        originals[number].dealloc = type->tp_dealloc;
        type->tp_dealloc = counted[number].dealloc;
    }
}

/* Before the snapshot, of classes that nothing inherits from yet. */
static PyObject *
count_depth(PyObject *self, PyObject *types)
{
    (void)self;
    static size_t count;
    if (!PyList_Check(types) || (size_t)PyList_GET_SIZE(types) > CLASSES - count) {
        PyErr_Format(PyExc_ValueError, "a list of at most %d classes is wanted, all together", CLASSES);
        return NULL;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(types); i++) {
        PyObject *type = PyList_GET_ITEM(types, i);
        if (!PyType_Check(type)) {
            PyErr_Format(PyExc_TypeError, "%R is no class", type);
            return NULL;
        }
        count_one((PyTypeObject *)type, count++);
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
