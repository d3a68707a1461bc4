/* Where others begin, at the snapshot and at a template: everything that exists becomes immortal. Reference counts are not
   written any more then, so what is only read stays on pages that all of them share. What comes later lies elsewhere. */

#include "bridge.h"

/* Of what the collector does not know, so many levels are looked into: what is deeper goes on being counted. */
#define LEVELS 1000

static void look_into(PyObject *);

/* Nothing is written to what is immortal already: its page may be shared. */
static int
become_immortal(PyObject *object)
{
    if (_Py_IsImmortal(object)) {
        return 0;
    }
    Py_SET_REFCNT(object, _Py_IMMORTAL_INITIAL_REFCNT);
    return 1;
}

/* What the collector knows is looked into in any case; the rest where it is first come to. */
static int
come_to(PyObject *object, void *unused)
{
    static int level;
    (void)unused;
    if (object != NULL && level < LEVELS && become_immortal(object) && !PyObject_GC_IsTracked(object)) {
        level++;
        look_into(object);
        level--;
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
    become_immortal(object);
    look_into(object);
    return unused == NULL; /* goes on */
}

static void
immortalize(void)
{
    PyUnstable_GC_VisitObjects(visit, NULL);
    come_to_all((PyObject *const *)&bridge, sizeof bridge / sizeof(PyObject *));
}

/* Defined in obmalloc.c by patches/0004-seal-heap.patch. */
extern void _PyObject_SealHeap(void);

#ifdef __wasm__ /* natively no snapshot is taken */
/* What finished calls left below the stack pointer would be carried by every snapshot. The stack
   lies at the bottom of linear memory (--stack-first); its first page stays out of it. */
__attribute__((noinline)) static void
clear_dead_stack(void)
{
    volatile char here;
    uintptr_t top = (uintptr_t)&here;
    uintptr_t bottom = 4096;
    if (top > bottom + 1024) {
        memset((void *)bottom, 0, top - 1024 - bottom);
    }
}

/* What that does for small objects, for the C library's heap: free chunks between those
   in use are taken out of circulation, so that new ones come from the top of the heap. */
static void
seal_c_heap(void)
{
    uintptr_t top = (uintptr_t)malloc(1 << 20); /* too large for any gap */
    free((void *)top);
    for (size_t size = 512 << 10; size >= 16; size -= size > 4096 ? size / 8 & ~(size_t)15 : 16) {
        for (;;) {
            void *chunk = malloc(size);
            if (chunk == NULL || (uintptr_t)chunk >= top) {
                free(chunk);
                break;
            }
        }
    }
}
#endif

void
settle(void)
{
    immortalize();
    _PyObject_SealHeap();
#ifdef __wasm__
    seal_c_heap();
    clear_dead_stack();
#endif
}

static PyObject *
settle_now(PyObject *self, PyObject *unused)
{
    (void)self, (void)unused;
    settle();
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"settle", settle_now, METH_NOARGS, "() -> None: what there is is immortal, and what comes lies on pages of its own."},
    {NULL, NULL, 0, NULL},
};

int
settling_ready(PyObject *module)
{
    return PyModule_AddFunctions(module, methods);
}
