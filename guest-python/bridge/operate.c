/* The operations of the host on Python objects. */

#include "bridge.h"

#define FEW 16

static PyObject *
contains(PyObject *container, PyObject *value)
{
    int found = PySequence_Contains(container, value);
    return found < 0 ? NULL : PyBool_FromLong(found);
}

static PyObject *
truth(PyObject *object)
{
    int is_true = PyObject_IsTrue(object);
    return is_true < 0 ? NULL : PyBool_FromLong(is_true);
}

static PyObject *
length(PyObject *object)
{
    Py_ssize_t len = PyObject_Size(object);
    return len < 0 ? NULL : PyLong_FromSsize_t(len);
}

static PyObject *
done(int failed)
{
    return failed < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *
intern(PyObject *text)
{
    if (!PyUnicode_CheckExact(text)) {
        PyErr_SetString(PyExc_TypeError, "a name must be a str");
        return NULL;
    }
    Py_INCREF(text);
    PyUnicode_InternInPlace(&text);
    return text;
}

/* NULL without an exception when there is no such attribute. */
static PyObject *
find_attribute(PyObject *object, PyObject *name)
{
    PyObject *found;
    PyObject_GetOptionalAttr(object, name, &found);
    return found;
}

/* NULL without an exception at the end of the generator. */
static PyObject *
resume(PyObject *name, PyObject *generator, PyObject *value)
{
    PyObject *item = PyObject_CallMethodOneArg(generator, name, value);
    if (item == NULL && PyErr_ExceptionMatches(PyExc_StopIteration)) {
        PyErr_Clear();
    }
    return item;
}

static PyObject *
import(PyObject *name)
{
    return PyUnicode_Check(name) ? PyImport_Import(name) : intern(name);
}

/* How many operands an operation takes; a call takes that many and its arguments. */
static const uint8_t least[] = {
    [OPHIDIA_OPERATION_IDENTITY] = 1,
    [OPHIDIA_OPERATION_INTERN] = 1,
    [OPHIDIA_OPERATION_IMPORT] = 1,
    [OPHIDIA_OPERATION_GLOBALS] = 0,
    [OPHIDIA_OPERATION_CALL] = 1,
    [OPHIDIA_OPERATION_CALL_METHOD] = 2,
    [OPHIDIA_OPERATION_GET_ATTR] = 2,
    [OPHIDIA_OPERATION_SET_ATTR] = 3,
    [OPHIDIA_OPERATION_DEL_ATTR] = 2,
    [OPHIDIA_OPERATION_GET_ITEM] = 2,
    [OPHIDIA_OPERATION_SET_ITEM] = 3,
    [OPHIDIA_OPERATION_DEL_ITEM] = 2,
    [OPHIDIA_OPERATION_LEN] = 1,
    [OPHIDIA_OPERATION_ITER] = 1,
    [OPHIDIA_OPERATION_NEXT] = 1,
    [OPHIDIA_OPERATION_STR] = 1,
    [OPHIDIA_OPERATION_REPR] = 1,
    [OPHIDIA_OPERATION_IS] = 2,
    [OPHIDIA_OPERATION_TRUTH] = 1,
    [OPHIDIA_OPERATION_CONTAINS] = 2,
    [OPHIDIA_OPERATION_TYPE] = 1,
    [OPHIDIA_OPERATION_HANDLES] = 0,
    [OPHIDIA_OPERATION_HELP] = 1,
    [OPHIDIA_OPERATION_FIND_ATTR] = 2,
    [OPHIDIA_OPERATION_RESUME] = 3,
};

#define OPERATIONS (sizeof least / sizeof *least)

/* `o` are `count` operands, the last of them the names of `keywords` arguments, if there are any. */
static BRIDGE_HOT PyObject *
carry_out(uint32_t operation, PyObject **o, size_t count, uint32_t keywords)
{
    PyObject *names = keywords == 0 ? NULL : o[count - 1];
    size_t given = names == NULL ? count : count - 1 - keywords; /* without keyword arguments */
    switch (operation) {
    case OPHIDIA_OPERATION_IDENTITY:
        return Py_NewRef(o[0]);
    case OPHIDIA_OPERATION_INTERN:
        return intern(o[0]);
    case OPHIDIA_OPERATION_IMPORT:
        return import(o[0]);
    case OPHIDIA_OPERATION_GLOBALS:
        return Py_NewRef(bridge.main_dict);
    case OPHIDIA_OPERATION_CALL:
    case OPHIDIA_OPERATION_HELP:
        return PyObject_Vectorcall(o[0], o + 1, (given - 1) | PY_VECTORCALL_ARGUMENTS_OFFSET, names);
    case OPHIDIA_OPERATION_CALL_METHOD:
        return PyObject_VectorcallMethod(o[0], o + 1, (given - 1) | PY_VECTORCALL_ARGUMENTS_OFFSET,
                                         names);
    case OPHIDIA_OPERATION_GET_ATTR:
        return PyObject_GetAttr(o[0], o[1]);
    case OPHIDIA_OPERATION_SET_ATTR:
        return done(PyObject_SetAttr(o[0], o[1], o[2]));
    case OPHIDIA_OPERATION_DEL_ATTR:
        return done(PyObject_DelAttr(o[0], o[1]));
    case OPHIDIA_OPERATION_GET_ITEM:
        return PyObject_GetItem(o[0], o[1]);
    case OPHIDIA_OPERATION_SET_ITEM:
        return done(PyObject_SetItem(o[0], o[1], o[2]));
    case OPHIDIA_OPERATION_DEL_ITEM:
        return done(PyObject_DelItem(o[0], o[1]));
    case OPHIDIA_OPERATION_LEN:
        return length(o[0]);
    case OPHIDIA_OPERATION_ITER:
        return PyObject_GetIter(o[0]);
    case OPHIDIA_OPERATION_NEXT:
        if (!PyIter_Check(o[0])) {
            PyErr_Format(PyExc_TypeError, "'%.200s' object is not an iterator",
                         Py_TYPE(o[0])->tp_name);
            return NULL;
        }
        return PyIter_Next(o[0]); /* NULL without an exception at the end */
    case OPHIDIA_OPERATION_STR:
        return PyObject_Str(o[0]);
    case OPHIDIA_OPERATION_REPR:
        return PyObject_Repr(o[0]);
    case OPHIDIA_OPERATION_IS:
        return PyBool_FromLong(o[0] == o[1]);
    case OPHIDIA_OPERATION_TRUTH:
        return truth(o[0]);
    case OPHIDIA_OPERATION_CONTAINS:
        return contains(o[0], o[1]);
    case OPHIDIA_OPERATION_TYPE:
        return Py_NewRef(Py_TYPE(o[0]));
    case OPHIDIA_OPERATION_HANDLES:
        return PyLong_FromUnsignedLong(handle_count());
    case OPHIDIA_OPERATION_FIND_ATTR:
        return find_attribute(o[0], o[1]);
    case OPHIDIA_OPERATION_RESUME:
        return resume(o[0], o[1], o[2]);
    }
    PyErr_Format(PyExc_SystemError, "unknown operation %u", operation);
    return NULL;
}

static int
right_count(uint32_t operation, uint32_t count, uint32_t keywords)
{
    int is_call = operation == OPHIDIA_OPERATION_CALL || operation == OPHIDIA_OPERATION_CALL_METHOD
                  || operation == OPHIDIA_OPERATION_HELP;
    if (operation >= OPERATIONS || (keywords > 0 && !is_call)) {
        return 0;
    }
    uint64_t needed = (uint64_t)least[operation] + (keywords > 0 ? 1 + (uint64_t)keywords : 0);
    return is_call ? count >= needed : count == needed;
}

/* Whether NULL without an exception is an answer of the operation. */
static int
may_end(uint32_t operation)
{
    return operation == OPHIDIA_OPERATION_NEXT || operation == OPHIDIA_OPERATION_FIND_ATTR
           || operation == OPHIDIA_OPERATION_RESUME;
}

/* Lets go of the handles that the input begins with; gives how many bytes they took, 0 when the
   input is cut off. */
static uint32_t
release(const unsigned char *data, uint32_t len)
{
    uint32_t count;
    if (len < sizeof count) {
        return 0;
    }
    memcpy(&count, data, sizeof count);
    if ((len - sizeof count) / 8 < count) {
        return 0;
    }
    const unsigned char *at = data + sizeof count;
    for (uint32_t i = 0; i < count; i++, at += 8) {
        uint32_t words[2];
        memcpy(words, at, sizeof words);
        handle_release(words[0], words[1]);
    }
    return (uint32_t)(at - data);
}

/* Leaves the result of an operation in the frame, and lets go of it. */
static BRIDGE_HOT uint32_t
finish(uint32_t operation, PyObject *result, uint32_t want)
{
    uint32_t status = OPHIDIA_STATUS_OK;
    if (result == NULL && may_end(operation) && !PyErr_Occurred()) {
        status = OPHIDIA_STATUS_INCOMPLETE;
    }
    else if (result == NULL || frame_set_wanted(OPHIDIA_SLOT_VALUE, result, want) < 0) {
        status = bridge_raised(0, NULL, NULL, 0);
    }
    Py_XDECREF(result);
    return bridge_flush() < 0 ? bridge_raised(0, NULL, NULL, 0) : status;
}

uint32_t
ophidia_operate_on(uint32_t operation, uint64_t object, uint64_t other, uint32_t form)
{
    frame_clear();
    uint32_t named = (object != 0) + (other != 0), releases = form / OPHIDIA_RELEASE;
    uint32_t count = named + form % OPHIDIA_RELEASE / OPHIDIA_OPERAND;
    PyObject *values[2 + OPHIDIA_OPERANDS];
    if (releases > OPHIDIA_RELEASES || count > sizeof values / sizeof *values
        || !right_count(operation, count, 0)) {
        return OPHIDIA_STATUS_MISUSE;
    }
    frame_release(releases);
    uint32_t taken = 0;
    while (taken < count) {
        PyObject *value = taken < named ? Py_XNewRef(handle_object(taken == 0 ? object : other))
                                        : frame_operand(taken - named);
        if (value == NULL) {
            break;
        }
        values[taken++] = value;
    }
    PyObject *result = taken < count ? NULL : carry_out(operation, values, taken, 0);
    while (taken > 0) {
        Py_DECREF(values[--taken]);
    }
    return finish(operation, result, form % OPHIDIA_OPERAND);
}

uint32_t
ophidia_operate(uint32_t operation, uint32_t input, uint32_t len, uint32_t count, uint32_t keywords,
                uint32_t want)
{
    frame_clear();
    const unsigned char *data = (const unsigned char *)(uintptr_t)input;
    uint32_t taken = release(data, len);
    if (taken == 0) {
        return OPHIDIA_STATUS_MISUSE;
    }
    data += taken;
    len -= taken;
    /* Each operand takes a byte at least. */
    if (!right_count(operation, count, keywords) || count > len) {
        return OPHIDIA_STATUS_MISUSE;
    }
    PyObject *few[FEW];
    PyObject **values = few;
    if (count > FEW && (values = PyMem_New(PyObject *, count)) == NULL) {
        PyErr_NoMemory();
        return bridge_raised(0, NULL, NULL, 0);
    }
    PyObject *result = NULL;
    /* Names of keyword arguments come last. */
    uint32_t converted = (want & OPHIDIA_CONVERTED) == 0 ? 0 : count - (keywords > 0);
    Py_ssize_t decoded = value_decode(data, len, values, (Py_ssize_t)count, (Py_ssize_t)converted);
    if (decoded == (Py_ssize_t)count) {
        result = carry_out(operation, values, count, keywords);
    }
    for (Py_ssize_t i = 0; i < decoded; i++) {
        Py_DECREF(values[i]);
    }
    if (values != few) {
        PyMem_Free(values);
    }
    return finish(operation, result, want & ~OPHIDIA_CONVERTED);
}
