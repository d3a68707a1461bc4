/* Before the snapshot: everything that exists becomes immortal. Reference counts are not written any more
   then, so what is only read stays on pages that all interpreters share. */

#include "bridge.h"

static void look_into(PyObject *);

/* What the collector knows is looked into in any case; the rest where it is first come to. */
static int
come_to(PyObject *object, void *unused)
{
    (void)unused;
    if (object != NULL && !_Py_IsImmortal(object)) {
        Py_SET_REFCNT(object, _Py_IMMORTAL_INITIAL_REFCNT);
        if (!PyObject_GC_IsTracked(object)) {
            look_into(object);
        }
    }
    return 0;
}

static void
come_to_all(PyObject *const *objects, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        come_to(objects[i], NULL);
    }
}

#define COME_TO(...) come_to_all((PyObject *[]){__VA_ARGS__}, sizeof((PyObject *[]){__VA_ARGS__}) / sizeof(PyObject *))

/* Much is not told to the collector: texts, code, what belongs to static types. */
static void
look_into(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    COME_TO((PyObject *)type, type->tp_mro, type->tp_bases);
    if (PyCode_Check(object)) {
        PyCodeObject *code = (PyCodeObject *)object;
        COME_TO(code->co_consts, code->co_names, code->co_exceptiontable, code->co_localsplusnames,
                code->co_localspluskinds, code->co_filename, code->co_name, code->co_qualname, code->co_linetable);
    }
    else if (PyType_Check(object)) {
        PyTypeObject *class = (PyTypeObject *)object;
        COME_TO(class->tp_mro, class->tp_bases);
        if (PyType_HasFeature(class, Py_TPFLAGS_HEAPTYPE)) {
            PyHeapTypeObject *heap = (PyHeapTypeObject *)object;
            COME_TO(heap->ht_name, heap->ht_qualname, heap->ht_slots);
        }
    }
    else if (PyDict_Check(object)) {
        PyObject *key;
        for (Py_ssize_t at = 0; PyDict_Next(object, &at, &key, NULL);) {
            come_to(key, NULL);
        }
    }
    else if (type == &PyMethodDescr_Type || type == &PyClassMethodDescr_Type || type == &PyMemberDescr_Type
             || type == &PyGetSetDescr_Type || type == &PyWrapperDescr_Type) {
        PyDescrObject *descriptor = (PyDescrObject *)object;
        COME_TO((PyObject *)descriptor->d_type, descriptor->d_name, descriptor->d_qualname);
    }
    if (PyObject_IS_GC(object) && type->tp_traverse != NULL) {
        type->tp_traverse(object, come_to, NULL);
    }
}

static int
visit(PyObject *object, void *unused)
{
    Py_SET_REFCNT(object, _Py_IMMORTAL_INITIAL_REFCNT);
    look_into(object);
    return unused == NULL; /* goes on */
}

void
immortalize(void)
{
    PyUnstable_GC_VisitObjects(visit, NULL);
    come_to_all((PyObject *const *)&bridge, sizeof bridge / sizeof(PyObject *));
}
