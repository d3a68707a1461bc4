/* Functions and objects of the host, as Python sees them. */

#include "bridge.h"

#include <stddef.h>

/* --- functions ----------------------------------------------------------------------------- */

struct host_function {
    PyObject_HEAD
    vectorcallfunc vectorcall;
    uint32_t number;
    int awaited; /* the result is the number of a task */
    uint32_t want; /* in what form arguments go */
    PyObject *name, *doc, *parameters;
    PyObject *dict, *weak_references;
};

/* The exception that an answer stands for: itself, or its class and its message. */
static void
raise_answer(PyObject *answer)
{
    PyObject *exception = PyTuple_Check(answer) ? PyObject_CallObject(bridge.exception, answer)
                                                : Py_NewRef(answer);
    if (exception != NULL && !PyExceptionInstance_Check(exception)) {
        PyErr_SetString(PyExc_SystemError, "the host raised something that is no exception");
        Py_CLEAR(exception);
    }
    if (exception != NULL) {
        PyErr_SetRaisedException(exception);
    }
}

static PyObject *
call_host(struct host_function *function, PyObject *const *args, size_t count, PyObject *names)
{
    const unsigned char *data = NULL;
    size_t len = OPHIDIA_IN_SLOT;
    size_t keywords = names == NULL ? 0 : (size_t)PyTuple_GET_SIZE(names);
    int plain = names == NULL && function->want != OPHIDIA_WANT_HANDLE && frame_leave(args, count);
    if (!plain
        && values_encode(args, count + keywords, function->want, names, &data, &len) < 0) {
        return NULL;
    }
    uint32_t answer = ophidia_host_call(function->number, (uint32_t)(uintptr_t)data, (uint32_t)len,
                                        (uint32_t)(count + keywords), (uint32_t)keywords,
                                        bridge_level);
    if (answer == OPHIDIA_IN_SLOT) {
        return frame_operand(0);
    }
    uint32_t size = answer & ~(OPHIDIA_RAISED | OPHIDIA_CONVERTED);
    PyObject *value;
    if (value_decode(bridge_input(size), size, &value, 1, (answer & OPHIDIA_CONVERTED) != 0) != 1) {
        return NULL;
    }
    if ((answer & OPHIDIA_RAISED) != 0) {
        raise_answer(value);
        Py_CLEAR(value);
    }
    return value;
}

static PyObject *
function_call(PyObject *self, PyObject *const *args, size_t flags, PyObject *names)
{
    struct host_function *function = (struct host_function *)self;
    if (bridge_level + 1 >= OPHIDIA_LEVELS) {
        PyErr_Format(PyExc_RecursionError, "%U(): host and guest call one another %d levels deep",
                     function->name, OPHIDIA_LEVELS);
        return NULL;
    }
    if (Py_EnterRecursiveCall(" in a function of the host") != 0) {
        return NULL;
    }
    if (names != NULL && PyTuple_GET_SIZE(names) == 0) {
        names = NULL;
    }
    bridge_level++;
    PyObject *value = call_host(function, args, (size_t)PyVectorcall_NARGS(flags), names);
    bridge_level--;
    Py_LeaveRecursiveCall();
    if (value != NULL && function->awaited) {
        Py_SETREF(value, PyObject_CallOneArg(bridge.pending, value));
    }
    return value;
}

static int
function_traverse(PyObject *self, visitproc visit, void *arg)
{
    struct host_function *function = (struct host_function *)self;
    Py_VISIT(function->parameters);
    Py_VISIT(function->dict);
    return 0;
}

static int
function_clear(PyObject *self)
{
    struct host_function *function = (struct host_function *)self;
    Py_CLEAR(function->parameters);
    Py_CLEAR(function->dict);
    return 0;
}

static void
function_dealloc(PyObject *self)
{
    struct host_function *function = (struct host_function *)self;
    PyObject_GC_UnTrack(self);
    if (function->weak_references != NULL) {
        PyObject_ClearWeakRefs(self);
    }
    ophidia_host_forget(function->number);
    function_clear(self);
    Py_CLEAR(function->name);
    Py_CLEAR(function->doc);
    Py_TYPE(self)->tp_free(self);
}

static PyObject *
function_repr(PyObject *self)
{
    return PyUnicode_FromFormat("<host function %U>", ((struct host_function *)self)->name);
}

/* As for built-in functions: an attribute of a class is no method. */
static PyObject *
function_get(PyObject *self, PyObject *Py_UNUSED(object), PyObject *Py_UNUSED(type))
{
    return Py_NewRef(self);
}

static PyObject *
function_signature(PyObject *self, void *Py_UNUSED(closure))
{
    PyObject *parameters = ((struct host_function *)self)->parameters;
    return PyObject_CallOneArg(bridge.signature, parameters == NULL ? Py_None : parameters);
}

static PyMemberDef function_members[] = {
    {"__name__", Py_T_OBJECT_EX, offsetof(struct host_function, name), Py_READONLY, NULL},
    {"__qualname__", Py_T_OBJECT_EX, offsetof(struct host_function, name), Py_READONLY, NULL},
    {"__doc__", _Py_T_OBJECT, offsetof(struct host_function, doc), Py_READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef function_attributes[] = {
    {"__signature__", function_signature, NULL, NULL, NULL},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyTypeObject function_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "host.Function",
    .tp_basicsize = sizeof(struct host_function),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL
                | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_vectorcall_offset = offsetof(struct host_function, vectorcall),
    .tp_call = PyVectorcall_Call,
    .tp_dealloc = function_dealloc,
    .tp_traverse = function_traverse,
    .tp_clear = function_clear,
    .tp_repr = function_repr,
    .tp_descr_get = function_get,
    .tp_members = function_members,
    .tp_getset = function_attributes,
    .tp_dictoffset = offsetof(struct host_function, dict),
    .tp_weaklistoffset = offsetof(struct host_function, weak_references),
};

PyObject *
host_function_new(uint32_t number, PyObject *description)
{
    PyObject *name, *doc, *parameters;
    int awaited;
    unsigned int want;
    struct host_function *function = NULL;
    if (PyArg_ParseTuple(description, "UOOpI", &name, &doc, &parameters, &awaited, &want)) {
        function = PyObject_GC_New(struct host_function, &function_type);
    }
    if (function == NULL) {
        PyObject *exception = PyErr_GetRaisedException();
        ophidia_host_forget(number);
        PyErr_SetRaisedException(exception);
        return NULL;
    }
    function->vectorcall = function_call;
    function->number = number;
    function->awaited = awaited;
    function->want = want;
    function->name = Py_NewRef(name);
    function->doc = Py_NewRef(doc);
    function->parameters = Py_NewRef(parameters);
    function->dict = NULL;
    function->weak_references = NULL;
    PyObject_GC_Track(function);
    return (PyObject *)function;
}

/* --- objects ------------------------------------------------------------------------------- */

#define MOVED UINT32_MAX

/* The base of the classes that stand for Rust types. */
struct host_object {
    PyObject_HEAD
    uint32_t number; /* MOVED: another one has it now */
};

static void
object_dealloc(PyObject *self)
{
    uint32_t number = ((struct host_object *)self)->number;
    if (number != MOVED) {
        ophidia_host_forget(number);
    }
    Py_TYPE(self)->tp_free(self);
}

static PyObject *object_new(PyTypeObject *type, PyObject *args, PyObject *keywords);

static PyTypeObject object_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "host.Object",
    .tp_basicsize = sizeof(struct host_object),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_dealloc = object_dealloc,
    .tp_new = object_new,
};

/* Moves what another one holds into a new object of the class. */
static PyObject *
object_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(keywords))
{
    PyObject *from;
    if (!PyArg_ParseTuple(args, "O!", &object_type, &from)) {
        return NULL;
    }
    struct host_object *source = (struct host_object *)from;
    if (source->number == MOVED) {
        PyErr_SetString(PyExc_ValueError, "an object of the host that has been moved");
        return NULL;
    }
    struct host_object *object = (struct host_object *)type->tp_alloc(type, 0);
    if (object != NULL) {
        object->number = source->number;
        source->number = MOVED;
    }
    return (PyObject *)object;
}

PyObject *
host_object_new(uint32_t number)
{
    struct host_object *object = PyObject_New(struct host_object, &object_type);
    if (object == NULL) {
        ophidia_host_forget(number);
        return NULL;
    }
    object->number = number;
    return (PyObject *)object;
}

int64_t
host_object_number(PyObject *object)
{
    if (!PyObject_TypeCheck(object, &object_type)) {
        return -1;
    }
    uint32_t number = ((struct host_object *)object)->number;
    return number == MOVED ? -1 : (int64_t)number;
}

int
host_types_ready(void)
{
    if (PyType_Ready(&function_type) < 0 || PyType_Ready(&object_type) < 0) {
        return -1;
    }
    PyObject *module = PyImport_AddModuleRef("_ophidia._host");
    PyObject *description = Py_BuildValue("(sOOOO)", "attend", Py_None, Py_None, Py_False, Py_False);
    PyObject *attend = description == NULL ? NULL : host_function_new(OPHIDIA_ATTEND, description);
    int failed = module == NULL || attend == NULL || converters_ready(module) < 0
                 || kdf_ready(module) < 0 || tls_ready(module) < 0 || ending_ready(module) < 0
                 || sources_ready(module) < 0 || descriptors_ready(module) < 0 || options_ready(module) < 0
                 || depth_ready(module) < 0 || interrupt_ready(module) < 0 || tasklets_ready() < 0
                 || PyModule_AddObjectRef(module, "attend", attend) < 0
                 || PyModule_AddType(module, &function_type) < 0
                 || PyModule_AddType(module, &object_type) < 0;
    Py_XDECREF(attend);
    Py_XDECREF(description);
    Py_XDECREF(module);
    return failed ? -1 : 0;
}
