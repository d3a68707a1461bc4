/* Python exceptions on their way to the host. */

#include "bridge.h"

static int
set_type_name(PyObject *exception)
{
    PyObject *type = (PyObject *)Py_TYPE(exception);
    PyObject *name = PyType_GetFullyQualifiedName((PyTypeObject *)type);
    if (name == NULL) {
        return -1;
    }
    int failed = frame_set_text(OPHIDIA_SLOT_TYPE, name);
    Py_DECREF(name);
    return failed;
}

static int
set_message(PyObject *value)
{
    PyObject *text = PyObject_Str(value);
    if (text == NULL) {
        return -1;
    }
    int failed = frame_set_text(OPHIDIA_SLOT_MESSAGE, text);
    Py_DECREF(text);
    return failed;
}

/* The exception itself, when there is room for it in the table. */
static void
set_exception(PyObject *exception)
{
    if (frame_set_wanted(OPHIDIA_SLOT_EXCEPTION, exception, OPHIDIA_WANT_HANDLE) < 0) {
        PyErr_Clear();
    }
}

/* The status of SystemExit as python3 takes it: None is 0, an integer itself, anything else is
   printed and counts as 1. */
static uint32_t
exited(PyObject *exception)
{
    PyObject *code = PyObject_GetAttrString(exception, "code");
    if (code == NULL) {
        PyErr_Clear();
        code = Py_NewRef(Py_None);
    }
    long long status = 0;
    if (PyLong_Check(code)) {
        int overflow;
        status = PyLong_AsLongLongAndOverflow(code, &overflow);
        if (overflow != 0) {
            status = -1;
        }
    }
    else if (!Py_IsNone(code)) {
        status = 1;
        if (set_message(code) < 0) {
            PyErr_Clear();
        }
    }
    frame_set_int(OPHIDIA_SLOT_EXIT, status);
    set_exception(exception);
    Py_DECREF(code);
    return OPHIDIA_STATUS_EXIT;
}

/* 1: the program's own hook has shown the exception; 0: there is none; -1: it raised. */
static int
call_hook(PyObject *exception)
{
    PyObject *hook = PySys_GetObject("excepthook");      /* borrowed */
    PyObject *plain = PySys_GetObject("__excepthook__"); /* borrowed */
    if (hook == NULL || hook == plain) {
        return 0;
    }
    Py_INCREF(hook);
    PyObject *traceback = PyException_GetTraceback(exception);
    PyObject *result = PyObject_CallFunctionObjArgs(
        hook, (PyObject *)Py_TYPE(exception), exception,
        traceback == NULL ? Py_None : traceback, NULL);
    Py_XDECREF(traceback);
    Py_DECREF(hook);
    Py_XDECREF(result);
    return result == NULL ? -1 : 1;
}

static int
set_traceback(PyObject *exception, PyObject *code, const char *source, uint32_t len)
{
    PyObject *text = PyObject_CallFunction(bridge.format_exception, "OOy#", exception,
                                           code == NULL ? Py_None : code,
                                           source == NULL ? "" : source, (Py_ssize_t)len);
    if (text == NULL) {
        return -1;
    }
    int failed = PyUnicode_Check(text) ? frame_set_text(OPHIDIA_SLOT_TRACEBACK, text) : 0;
    Py_DECREF(text);
    return failed;
}

uint32_t
bridge_raised(int hook, PyObject *code, const char *source, uint32_t len)
{
    PyObject *exception = PyErr_GetRaisedException();
    if (exception == NULL) {
        return OPHIDIA_STATUS_MISUSE;
    }
    uint32_t status = OPHIDIA_STATUS_RAISED;
    if (PyErr_GivenExceptionMatches(exception, PyExc_SystemExit)) {
        status = exited(exception);
        Py_DECREF(exception);
        return status;
    }
    /* Each part may fail on its own (no memory, a hostile __str__): the others still travel. */
    if (set_type_name(exception) < 0) {
        PyErr_Clear();
    }
    if (set_message(exception) < 0) {
        PyErr_Clear();
    }
    int shown = hook ? call_hook(exception) : 0;
    if (shown < 0 && PyErr_ExceptionMatches(PyExc_SystemExit)) {
        Py_SETREF(exception, PyErr_GetRaisedException());
        status = exited(exception);
        Py_DECREF(exception);
        return status;
    }
    if (shown < 0) {
        PyErr_Clear();
    }
    if (shown <= 0 && set_traceback(exception, code, source, len) < 0) {
        PyErr_Clear();
    }
    set_exception(exception);
    Py_DECREF(exception);
    return status;
}
