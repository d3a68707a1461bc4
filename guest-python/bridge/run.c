/* Running source text, modules and the end of a program. */

#include "bridge.h"

#include <stdlib.h>
#include <string.h>

#define KEPT_INPUT (1 << 20)
#define MOST_SOURCE (1 << 20)
#define MOST_LATELY 64
#define MOST_LATELY_SOURCE (256u << 10)

/* Short inputs take no allocation; a long one's buffer is kept while it is not extravagant. */
static char short_inputs[OPHIDIA_LEVELS][OPHIDIA_SHORT_INPUT];
static struct {
    char *data;
    uint32_t size;
} long_inputs[OPHIDIA_LEVELS];

uint32_t
ophidia_buffer(uint32_t size)
{
    char **data = &long_inputs[bridge_level].data;
    uint32_t *had = &long_inputs[bridge_level].size;
    if (size <= OPHIDIA_SHORT_INPUT ? *had > KEPT_INPUT : *had < size) {
        free(*data);
        *data = NULL;
        *had = 0;
    }
    if (size <= OPHIDIA_SHORT_INPUT) {
        return (uint32_t)(uintptr_t)short_inputs[bridge_level];
    }
    if (*data == NULL && (*data = malloc(size)) != NULL) {
        *had = size;
    }
    return (uint32_t)(uintptr_t)*data;
}

const unsigned char *
bridge_input(uint32_t size)
{
    return (const unsigned char *)(size <= OPHIDIA_SHORT_INPUT ? short_inputs[bridge_level]
                                                               : long_inputs[bridge_level].data);
}

static PyObject *
text_argument(uint32_t address, uint32_t len)
{
    return PyUnicode_DecodeUTF8((const char *)(uintptr_t)address, (Py_ssize_t)len,
                                "surrogateescape");
}

/* Interactive statements share their __future__ features, as at python3's prompt. */
static PyCompilerFlags interactive_flags;

static PyObject *
compile_source(uint32_t mode, const char *source, uint32_t len, PyObject *filename)
{
    static const int starts[] = {
        [OPHIDIA_MODE_EXEC] = Py_file_input,
        [OPHIDIA_MODE_EVAL] = Py_eval_input,
        [OPHIDIA_MODE_SINGLE] = Py_single_input,
        [OPHIDIA_MODE_MAIN] = Py_file_input,
    };
    if (memchr(source, 0, len) != NULL) {
        PyErr_SetString(PyExc_SyntaxError, "source code cannot contain null bytes");
        return NULL;
    }
    PyCompilerFlags fresh = {PyCF_ALLOW_TOP_LEVEL_AWAIT, PY_MINOR_VERSION};
    interactive_flags.cf_flags |= PyCF_ALLOW_TOP_LEVEL_AWAIT;
    interactive_flags.cf_feature_version = PY_MINOR_VERSION;
    PyCompilerFlags *flags = mode == OPHIDIA_MODE_SINGLE ? &interactive_flags : &fresh;
    return Py_CompileStringObject(source, filename, starts[mode], flags, -1);
}

/* Runs code in these namespaces: in `__main__` when there are no globals, and in the globals when there are no
   locals. They are held: what runs may let go of them. */
static PyObject *
run_in(PyObject *code, uint64_t globals, uint64_t locals)
{
    PyObject *names = globals == 0 ? bridge.main_dict : handle_object(globals);
    PyObject *own = locals == 0 ? names : handle_object(locals);
    if (names == NULL || own == NULL) {
        return NULL;
    }
    if (!PyDict_Check(names)) {
        PyErr_Format(PyExc_TypeError, "globals must be a dict, not %.200s", Py_TYPE(names)->tp_name);
        return NULL;
    }
    Py_INCREF(names);
    Py_INCREF(own);
    PyObject *value = PyEval_EvalCode(code, names, own);
    Py_DECREF(own);
    Py_DECREF(names);
    return value;
}

/* Source text that no file has, for tracebacks that the program prints itself: of code that defines functions, for as
   long as there is room; of the other, while it runs and until some other does. */
static PyObject *recent[OPHIDIA_LEVELS];

/* Those of code that defines functions which are yet to be registered, and their bytes: few programs show a traceback. */
static PyObject *lately;
static uint32_t lately_len;

static int
awaits(PyObject *code)
{
    return (((PyCodeObject *)code)->co_flags & CO_COROUTINE) != 0;
}

static int
defines(PyObject *code)
{
    PyObject *constants = ((PyCodeObject *)code)->co_consts;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(constants); i++) {
        if (PyCode_Check(PyTuple_GET_ITEM(constants, i))) {
            return 1;
        }
    }
    return 0;
}

/* Whether it may run after what has compiled it is over. */
static int
lasts(PyObject *code)
{
    return defines(code) || awaits(code);
}

/* Whether its lines can be read in a file. */
static int
has_file(PyObject *code)
{
    PyObject *filename = ((PyCodeObject *)code)->co_filename;
    return PyUnicode_GET_LENGTH(filename) == 0 || PyUnicode_READ_CHAR(filename, 0) != '<';
}

static int
register_source(PyObject *code, const char *source, uint32_t len)
{
    PyObject *done = PyObject_CallFunction(bridge.register_source, "Oy#", code, source, (Py_ssize_t)len);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

/* Whether there is room for one more source of so many bytes among those that are yet to be registered. */
static int
has_room(uint32_t len)
{
    if (lately == NULL && (lately = PyList_New(0)) == NULL) {
        PyErr_Clear();
        return 0;
    }
    return PyList_GET_SIZE(lately) < MOST_LATELY && lately_len < MOST_LATELY_SOURCE && len <= MOST_LATELY_SOURCE - lately_len;
}

static int
keep_source(PyObject *code, const char *source, uint32_t len)
{
    if (has_file(code)) {
        return 0;
    }
    int lasting = lasts(code);
    if (lasting && !has_room(len)) {
        return register_source(code, source, len);
    }
    if (len > MOST_SOURCE) {
        return 0;
    }
    PyObject *pair = Py_BuildValue("(Oy#)", code, source, (Py_ssize_t)len);
    if (pair == NULL) {
        return -1;
    }
    if (!lasting) {
        Py_XSETREF(recent[bridge_level], pair);
        return 0;
    }
    int failed = 0;
    for (size_t i = 0; !failed && i < OPHIDIA_LEVELS; i++) {
        if (recent[i] != NULL) { /* which is older */
            lately_len += (uint32_t)PyBytes_GET_SIZE(PyTuple_GET_ITEM(recent[i], 1));
            failed = PyList_Append(lately, recent[i]);
            Py_CLEAR(recent[i]);
        }
    }
    failed = failed || PyList_Append(lately, pair) < 0;
    Py_DECREF(pair);
    lately_len += len;
    return failed ? -1 : 0;
}

/* Keeps the source of code that is over and has raised, since a traceback may be wanted later. */
int
keep_raised(PyObject *code, const char *source, uint32_t len)
{
    if (code == NULL || has_file(code) || lasts(code)) {
        return 0; /* or it is there already */
    }
    PyObject *pair = recent[bridge_level];
    if (pair == NULL || PyTuple_GET_ITEM(pair, 0) != code || !has_room(len)) {
        return register_source(code, source, len);
    }
    recent[bridge_level] = NULL;
    lately_len += len;
    int failed = PyList_Append(lately, pair);
    Py_DECREF(pair);
    return failed;
}

/* Those that are not registered, a list of (code, source). */
static PyObject *
take_sources(PyObject *self, PyObject *unused)
{
    (void)self, (void)unused;
    PyObject *list = lately == NULL ? PyList_New(0) : lately;
    lately = NULL;
    lately_len = 0;
    for (size_t i = 0; list != NULL && i < OPHIDIA_LEVELS; i++) {
        if (recent[i] != NULL && PyList_Append(list, recent[i]) < 0) {
            Py_CLEAR(list);
        }
        Py_CLEAR(recent[i]);
    }
    return list;
}

static PyMethodDef methods[] = {
    {"take_sources", take_sources, METH_NOARGS, "() -> [(code, source)]"},
    {NULL, NULL, 0, NULL},
};

int
sources_ready(PyObject *module)
{
    return PyModule_AddFunctions(module, methods);
}

/* What code has come to that may await: what that gives, or, where it is to rest, what can be stepped through. */
static PyObject *
awaited(PyObject *code, PyObject *value, int rests)
{
    if (value == NULL || !(rests || awaits(code))) {
        return value;
    }
    PyObject *end = PyObject_CallOneArg(rests ? bridge.begin : bridge.complete, value);
    Py_DECREF(value);
    return end;
}

uint32_t
ophidia_run(uint32_t mode, uint32_t source, uint32_t source_len, uint32_t filename,
            uint32_t filename_len, uint64_t globals, uint64_t locals, uint32_t want)
{
    frame_clear();
    const char *text = (const char *)(uintptr_t)source;
    int rests = (mode & OPHIDIA_RESTS) != 0;
    mode &= ~OPHIDIA_RESTS;
    if (mode > OPHIDIA_MODE_MAIN || source == 0 || text[source_len] != 0) {
        return OPHIDIA_STATUS_MISUSE;
    }
    PyObject *code = NULL, *value = NULL;
    PyObject *name = text_argument(filename, filename_len);
    if (name != NULL) {
        code = compile_source(mode, text, source_len, name);
    }
    if (code != NULL && keep_source(code, text, source_len) < 0) {
        Py_CLEAR(code);
    }
    if (code != NULL && mode == OPHIDIA_MODE_MAIN) {
        PyObject *prepared = PyObject_CallOneArg(bridge.prepare_main, name);
        if (prepared == NULL) {
            Py_CLEAR(code);
        }
        Py_XDECREF(prepared);
    }
    if (code != NULL) {
        value = awaited(code, run_in(code, globals, locals), rests);
    }
    uint32_t status = OPHIDIA_STATUS_OK;
    if (value == NULL || frame_set_wanted(OPHIDIA_SLOT_VALUE, value, want) < 0) {
        status = bridge_raised(mode >= OPHIDIA_MODE_SINGLE, code, text, source_len);
    }
    Py_XDECREF(value);
    Py_XDECREF(name);
    if (bridge_flush() < 0) {
        status = bridge_raised(mode >= OPHIDIA_MODE_SINGLE, code, text, source_len);
    }
    Py_XDECREF(code);
    return status;
}

/* Calls a function of the in-guest package with one text; its result decides the status. */
static uint32_t
call_with_text(PyObject *function, uint32_t text, uint32_t len, int hook)
{
    frame_clear();
    PyObject *argument = text_argument(text, len);
    PyObject *value = argument == NULL ? NULL : PyObject_CallOneArg(function, argument);
    Py_XDECREF(argument);
    uint32_t status = OPHIDIA_STATUS_OK;
    if (value == NULL) {
        status = bridge_raised(hook, NULL, NULL, 0);
    }
    else if (Py_IsFalse(value)) {
        status = OPHIDIA_STATUS_INCOMPLETE;
    }
    Py_XDECREF(value);
    return bridge_flush() < 0 ? bridge_raised(hook, NULL, NULL, 0) : status;
}

uint32_t
ophidia_run_module(uint32_t name, uint32_t name_len)
{
    return call_with_text(bridge.run_module, name, name_len, 1);
}

uint32_t
ophidia_complete(uint32_t source, uint32_t source_len)
{
    return call_with_text(bridge.is_complete, source, source_len, 0);
}

uint32_t
ophidia_add_path(uint32_t path, uint32_t path_len, uint32_t front)
{
    frame_clear();
    PyObject *list = PySys_GetObject("path"); /* borrowed */
    PyObject *entry = text_argument(path, path_len);
    int failed = -1;
    if (list == NULL || !PyList_Check(list)) {
        PyErr_SetString(PyExc_TypeError, "sys.path is not a list");
    }
    else if (entry != NULL) {
        failed = front ? PyList_Insert(list, 0, entry) : PyList_Append(list, entry);
    }
    Py_XDECREF(entry);
    return failed ? bridge_raised(0, NULL, NULL, 0) : OPHIDIA_STATUS_OK;
}

uint32_t
ophidia_finish(void)
{
    frame_clear();
    PyObject *value = PyObject_CallNoArgs(bridge.finish);
    if (value == NULL) {
        return bridge_raised(0, NULL, NULL, 0);
    }
    Py_DECREF(value);
    return OPHIDIA_STATUS_OK;
}

void
bridge_forget(PyObject **interruption)
{
    if (PyErr_ExceptionMatches(PyExc_KeyboardInterrupt)) {
        Py_XSETREF(*interruption, PyErr_GetRaisedException());
    }
    PyErr_Clear();
}

int
bridge_flush_written(void)
{
    _PyIO_written = 0;
    PyObject *interruption = NULL;
    static const char *const names[] = {"stdout", "stderr"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        PyObject *stream = PySys_GetObject(names[i]); /* borrowed */
        if (stream == NULL || Py_IsNone(stream)) {
            continue;
        }
        Py_INCREF(stream);
        PyObject *done = PyObject_CallMethodNoArgs(stream, bridge.flush);
        if (done == NULL && PyErr_ExceptionMatches(PyExc_OSError)) {
            /* What the host has no room for it says once, and drops then. So nothing waits for the next operation. */
            PyErr_Clear();
            done = PyObject_CallMethodNoArgs(stream, bridge.flush);
        }
        if (done == NULL) {
            bridge_forget(&interruption);
        }
        Py_XDECREF(done);
        Py_DECREF(stream);
    }
    if (interruption == NULL) {
        return 0;
    }
    PyErr_SetRaisedException(interruption);
    return -1;
}
