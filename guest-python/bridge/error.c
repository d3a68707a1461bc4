/* Python exceptions on their way to the host. */

#include "bridge.h"

/* Whether CPython had no memory for the exception that was to be raised, and made this one of it. A program
   may say the same, but with a real SystemError only; the host believes it after it has refused memory. */
static int
stands_for_lost(PyObject *exception)
{
    static const char *const said[] = {
        "error return without exception set",
        "returned NULL without setting an exception",
    };
    if (!Py_IS_TYPE(exception, (PyTypeObject *)PyExc_SystemError)) {
        return 0;
    }
    PyObject *args = ((PyBaseExceptionObject *)exception)->args;
    PyObject *text = PyTuple_GET_SIZE(args) == 1 ? PyTuple_GET_ITEM(args, 0) : NULL;
    if (text == NULL || !PyUnicode_CheckExact(text)) {
        return 0;
    }
    Py_ssize_t len = PyUnicode_GET_LENGTH(text);
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        Py_ssize_t end = (Py_ssize_t)strlen(said[i]);
        if (len < end || !PyUnicode_IS_COMPACT_ASCII(text)) {
            continue;
        }
        const char *data = PyUnicode_DATA(text);
        if (memcmp(data + len - end, said[i], (size_t)end) == 0) {
            return 1;
        }
    }
    return 0;
}

/* By the class itself, which no other class of that name is. */
static uint32_t
kind_of(PyObject *exception)
{
    uint32_t kind = PyErr_GivenExceptionMatches(exception, PyExc_MemoryError)    ? OPHIDIA_MEMORY_ERROR
                    : PyErr_GivenExceptionMatches(exception, PyExc_TimeoutError) ? OPHIDIA_TIMEOUT_ERROR
                                                                                 : 0;
    return stands_for_lost(exception) ? kind | OPHIDIA_LOST : kind;
}

/* A class whose qualified name cannot be told goes by its own. */
static int
set_type_name(PyObject *exception)
{
    PyTypeObject *type = Py_TYPE(exception);
    PyObject *name = PyType_GetFullyQualifiedName(type);
    if (name == NULL && !PyErr_ExceptionMatches(PyExc_MemoryError)) {
        PyErr_Clear();
        name = PyUnicode_FromString(type->tp_name);
    }
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

/* What `sys.exit` was given, where it is neither a number nor None: unless the program shows it itself, a message
   for the host to show. */
static void
set_exit_message(PyObject *code, int program)
{
    PyObject *shown = program ? PyObject_CallOneArg(bridge.show_exit, code) : Py_NewRef(Py_False);
    if (shown == NULL || (!Py_IsTrue(shown) && set_message(code) < 0)) {
        PyErr_Clear();
    }
    Py_XDECREF(shown);
}

/* The status of SystemExit as python3 takes it: None is 0, an integer itself, anything else is
   printed and counts as 1. */
static uint32_t
exited(PyObject *exception, int program)
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
        set_exit_message(code, program);
    }
    frame_set_int(OPHIDIA_SLOT_EXIT, status);
    set_exception(exception);
    Py_DECREF(code);
    return OPHIDIA_STATUS_EXIT;
}

/* Of a main program, which has perhaps shown the exception: empty then. And of one that a limit has caused, since it cannot
   be asked for its own later. Any other is asked when somebody wants to know. */
static int
set_traceback(PyObject *exception, int program, PyObject *code, const char *source, uint32_t len)
{
    PyObject *text = PyObject_CallFunction(program ? bridge.show : bridge.format_exception, "OOy#", exception,
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
bridge_raised(int program, PyObject *code, const char *source, uint32_t len)
{
    if (!PyErr_Occurred()) {
        PyErr_SetString(PyExc_SystemError, "error return without exception set");
    }
    PyObject *exception = PyErr_GetRaisedException(), *interruption = NULL;
    uint32_t status = OPHIDIA_STATUS_RAISED;
    if (PyErr_GivenExceptionMatches(exception, PyExc_SystemExit)) {
        status = exited(exception, program);
        Py_DECREF(exception);
        return status;
    }
    /* Each part may fail on its own (no memory, a hostile __str__): the others still travel. */
    uint32_t kind = kind_of(exception);
    if (set_type_name(exception) < 0) {
        kind |= OPHIDIA_LOST;
        bridge_forget(&interruption);
    }
    if (set_message(exception) < 0) {
        bridge_forget(&interruption);
    }
    int told = program || kind != 0;
    if ((told ? set_traceback(exception, program, code, source, len) : keep_raised(code, source, len)) < 0) {
        if (program && PyErr_ExceptionMatches(PyExc_SystemExit)) {
            Py_SETREF(exception, PyErr_GetRaisedException());
            frame_clear(); /* of what told of the other */
            status = exited(exception, program);
            Py_DECREF(exception);
            Py_XDECREF(interruption);
            return status;
        }
        if (Py_IS_TYPE(exception, (PyTypeObject *)PyExc_SystemError)
            && PyErr_ExceptionMatches(PyExc_MemoryError)) {
            kind |= OPHIDIA_LOST;
        }
        bridge_forget(&interruption);
    }
    if (interruption != NULL) { /* it came while the exception was described, and must not be lost with it */
        Py_DECREF(exception);
        PyErr_SetRaisedException(interruption);
        return bridge_raised(program, code, source, len);
    }
    frame_set_int(OPHIDIA_SLOT_KIND, kind);
    set_exception(exception);
    Py_DECREF(exception);
    return status;
}
