/* How deep objects in objects go: iterators over iterators, and what goes away with what holds it. CPython does not count
   either, and the native stack ends before a program's memory does. Here classes that `_ophidia.depth` lists do count. */

#define Py_BUILD_CORE 1
#include "bridge.h"
#include "internal/pycore_gc.h"

/* A level takes an eighth at most of what a level of CPython's own recursion may take. */
#define SHARE 8

/* So many classes of each kind. */
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

/* Keeps an object whose last reference has gone away until there is room on the native stack. It is in a list
   linked through its collector's head; that it was tracked is told by the head's other word. One that has no such head is
   linked through its count of references, which is 0 and nobody's. */
static void
wait_for_room(PyObject *object)
{
    if (!PyObject_IS_GC(object)) {
        object->ob_refcnt = (Py_ssize_t)(uintptr_t)waiting;
        waiting = object;
        return;
    }
    PyGC_Head *head = _Py_AS_GC(object);
    int tracked = PyObject_GC_IsTracked(object);
    if (tracked) {
        PyObject_GC_UnTrack(object);
    }
    _PyGCHead_SET_PREV(head, (PyGC_Head *)waiting);
    head->_gc_next = (uintptr_t)tracked;
    waiting = object;
}

static void
end_waiting(void)
{
    while (waiting != NULL) {
        PyObject *object = waiting;
        if (!PyObject_IS_GC(object)) {
            waiting = (PyObject *)(uintptr_t)object->ob_refcnt;
            object->ob_refcnt = 0;
            Py_TYPE(object)->tp_dealloc(object);
            continue;
        }
        PyGC_Head *head = _Py_AS_GC(object);
        waiting = (PyObject *)_PyGCHead_PREV(head);
        _PyGCHead_SET_PREV(head, NULL);
        int tracked = head->_gc_next != 0;
        head->_gc_next = 0;
        if (tracked) {
            PyObject_GC_Track(object);
        }
        Py_TYPE(object)->tp_dealloc(object);
    }
}

/* As CPython's trashcan. An instance of a subclass is in the middle of its own end, and cannot wait. */
static void
dealloc_of(destructor dealloc, destructor own, PyObject *object)
{
    PyThreadState *tstate = PyThreadState_Get();
    if (tstate->c_recursion_remaining <= 2 * Py_TRASHCAN_HEADROOM && Py_TYPE(object)->tp_dealloc == own) {
        wait_for_room(object);
        return;
    }
    tstate->c_recursion_remaining--;
    dealloc(object);
    if (waiting != NULL && tstate->c_recursion_remaining > 4 * Py_TRASHCAN_HEADROOM) {
        end_waiting();
    }
    tstate->c_recursion_remaining++;
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
    if (type->tp_dealloc != NULL) {
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
