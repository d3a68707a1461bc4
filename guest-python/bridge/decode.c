/* The encoding into Python objects, on their way from the host; interop-abi describes the format. */

#include "values.h"

/* The count of a container; each item takes a byte at least. */
static Py_ssize_t
get_count(struct input *in, size_t least)
{
    uint32_t count;
    if (value_get(in, &count, 4) < 0) {
        return -1;
    }
    if ((size_t)(in->end - in->at) / least < count) {
        PyErr_SetString(PyExc_SystemError, "a value from the host is cut off");
        return -1;
    }
    return (Py_ssize_t)count;
}

/* As value_get_value; numbers are what most lists consist of. */
static inline PyObject *
get_item(struct input *in, int depth)
{
    if (in->end - in->at < 9 || *in->at != OPHIDIA_ENCODED_INT || in->is_converted) {
        return value_get_value(in, depth);
    }
    long long number;
    memcpy(&number, in->at + 1, sizeof number);
    in->at += 9;
    return PyLong_FromLongLong(number);
}

static PyObject *
get_list(struct input *in, int depth)
{
    Py_ssize_t count = get_count(in, 1);
    PyObject *list = count < 0 ? NULL : PyList_New(count);
    for (Py_ssize_t i = 0; list != NULL && i < count; i++) {
        PyObject *item = get_item(in, depth);
        if (item == NULL) {
            Py_CLEAR(list);
            break;
        }
        PyList_SET_ITEM(list, i, item);
    }
    return list;
}

static PyObject *
get_tuple(struct input *in, int depth)
{
    Py_ssize_t count = get_count(in, 1);
    PyObject *tuple = count < 0 ? NULL : PyTuple_New(count);
    for (Py_ssize_t i = 0; tuple != NULL && i < count; i++) {
        PyObject *item = get_item(in, depth);
        if (item == NULL) {
            Py_CLEAR(tuple);
            break;
        }
        PyTuple_SET_ITEM(tuple, i, item);
    }
    return tuple;
}

static PyObject *
get_dict(struct input *in, int depth)
{
    Py_ssize_t count = get_count(in, 2);
    PyObject *dict = count < 0 ? NULL : PyDict_New();
    for (Py_ssize_t i = 0; dict != NULL && i < count; i++) {
        PyObject *key = value_get_value(in, depth);
        PyObject *item = key == NULL ? NULL : value_get_value(in, depth);
        if (item == NULL || PyDict_SetItem(dict, key, item) < 0) {
            Py_CLEAR(dict);
        }
        Py_XDECREF(key);
        Py_XDECREF(item);
    }
    return dict;
}

static PyObject *
get_set(struct input *in, PyObject *set, int depth)
{
    Py_ssize_t count = get_count(in, 1);
    if (count < 0) {
        Py_CLEAR(set);
    }
    for (Py_ssize_t i = 0; set != NULL && i < count; i++) {
        PyObject *item = value_get_value(in, depth);
        if (item == NULL || PySet_Add(set, item) < 0) {
            Py_CLEAR(set);
        }
        Py_XDECREF(item);
    }
    return set;
}

static PyObject *
get_counted(struct input *in, uint8_t tag)
{
    Py_ssize_t len = get_count(in, 1);
    if (len < 0) {
        return NULL;
    }
    const char *data = (const char *)in->at;
    in->at += len;
    switch (tag) {
    case OPHIDIA_ENCODED_BYTES:
        return PyBytes_FromStringAndSize(data, len);
    case OPHIDIA_ENCODED_BIG_INT:
        return PyLong_FromNativeBytes(data, (size_t)len, Py_ASNATIVEBYTES_LITTLE_ENDIAN);
    case OPHIDIA_ENCODED_WIDE_STR:
        return PyUnicode_DecodeUTF8(data, len, "surrogatepass");
    default:
        return PyUnicode_DecodeUTF8(data, len, NULL);
    }
}

PyObject *
value_get_text(struct input *in)
{
    return get_counted(in, OPHIDIA_ENCODED_STR);
}

static PyObject *
get_function(struct input *in, int depth)
{
    uint32_t number;
    if (value_get(in, &number, sizeof number) < 0) {
        return NULL;
    }
    PyObject *description = value_get_value(in, depth);
    if (description == NULL) {
        PyObject *exception = PyErr_GetRaisedException();
        ophidia_host_forget(number);
        PyErr_SetRaisedException(exception);
        return NULL;
    }
    PyObject *function = host_function_new(number, description);
    Py_DECREF(description);
    return function;
}

/* What a function of the in-guest package makes of the tuple that follows. */
static PyObject *
get_called(struct input *in, PyObject *function, int depth)
{
    PyObject *description = value_get_value(in, depth);
    if (description == NULL) {
        return NULL;
    }
    PyObject *made = PyObject_CallObject(function, description);
    Py_DECREF(description);
    return made;
}

/* An array: its bytes are copied once, into what it keeps. */
static PyObject *
get_array(struct input *in, int depth)
{
    uint8_t tag;
    uint32_t count;
    PyObject *parts[4] = {NULL}, *array = NULL;
    int failed = value_get(in, &tag, 1) < 0 || tag != OPHIDIA_ENCODED_TUPLE || value_get(in, &count, 4) < 0
                 || count != 4;
    for (int i = 0; !failed && i < 3; i++) {
        parts[i] = value_get_value(in, depth);
        failed = parts[i] == NULL;
    }
    if (!failed && !(failed = value_get(in, &tag, 1) < 0 || tag != OPHIDIA_ENCODED_BYTES)) {
        Py_ssize_t len = get_count(in, 1);
        failed = len < 0;
        if (!failed) {
            parts[3] = PyByteArray_FromStringAndSize((const char *)in->at, len);
            in->at += len;
            failed = parts[3] == NULL;
        }
    }
    if (!failed) {
        array = PyObject_Vectorcall(bridge.array_of, parts, 4, NULL);
    }
    else if (!PyErr_Occurred()) {
        PyErr_SetString(PyExc_SystemError, "an array from the host that is none");
    }
    for (int i = 0; i < 4; i++) {
        Py_XDECREF(parts[i]);
    }
    return array;
}

static PyObject *
get_value(struct input *in, int depth)
{
    uint8_t tag;
    if (value_get(in, &tag, 1) < 0) {
        return NULL;
    }
    if (depth > OPHIDIA_MAX_DEPTH) {
        PyErr_SetString(PyExc_RecursionError, "a value from the host is nested too deeply");
        return NULL;
    }
    long long number;
    double real;
    Py_complex complex;
    uint64_t handle;
    uint32_t host;
    switch (tag) {
    case OPHIDIA_ENCODED_NONE:
        return Py_NewRef(Py_None);
    case OPHIDIA_ENCODED_FALSE:
        return Py_NewRef(Py_False);
    case OPHIDIA_ENCODED_TRUE:
        return Py_NewRef(Py_True);
    case OPHIDIA_ENCODED_INT:
        return value_get(in, &number, 8) < 0 ? NULL : PyLong_FromLongLong(number);
    case OPHIDIA_ENCODED_FLOAT:
        return value_get(in, &real, 8) < 0 ? NULL : PyFloat_FromDouble(real);
    case OPHIDIA_ENCODED_COMPLEX:
        return value_get(in, &complex, 16) < 0 ? NULL : PyComplex_FromCComplex(complex);
    case OPHIDIA_ENCODED_STR:
    case OPHIDIA_ENCODED_WIDE_STR:
    case OPHIDIA_ENCODED_BYTES:
    case OPHIDIA_ENCODED_BIG_INT:
        return get_counted(in, tag);
    case OPHIDIA_ENCODED_LIST:
        return get_list(in, depth + 1);
    case OPHIDIA_ENCODED_TUPLE:
        return get_tuple(in, depth + 1);
    case OPHIDIA_ENCODED_DICT:
        return get_dict(in, depth + 1);
    case OPHIDIA_ENCODED_SET:
        return get_set(in, PySet_New(NULL), depth + 1);
    case OPHIDIA_ENCODED_FROZEN_SET:
        return get_set(in, PyFrozenSet_New(NULL), depth + 1);
    case OPHIDIA_ENCODED_HANDLE:
        return value_get(in, &handle, 8) < 0 ? NULL : Py_XNewRef(handle_object(handle));
    case OPHIDIA_ENCODED_FUNCTION:
        return get_function(in, depth + 1);
    case OPHIDIA_ENCODED_ARRAY:
        return get_array(in, depth + 1);
    case OPHIDIA_ENCODED_MADE:
        return get_called(in, bridge.make, depth + 1);
    case OPHIDIA_ENCODED_PID:
    case OPHIDIA_ENCODED_REF:
        return message_get(in, tag);
    case OPHIDIA_ENCODED_HOST_OBJECT:
        return value_get(in, &host, 4) < 0 ? NULL : host_object_new(host);
    default:
        return stdlib_get(in, tag, depth);
    }
}

/* First what is in a container, then the value itself. What any other value is made of stays as it is, and
   so does an object that is held. */
static PyObject *
get_converted(struct input *in, int depth)
{
    uint8_t tag = in->at < in->end ? *in->at : OPHIDIA_ENCODED_HANDLE;
    in->is_converted = tag >= OPHIDIA_ENCODED_LIST && tag <= OPHIDIA_ENCODED_FROZEN_SET;
    PyObject *value = get_value(in, depth);
    in->is_converted = 1;
    return tag == OPHIDIA_ENCODED_HANDLE ? value : converters_apply(value);
}

PyObject *
value_get_value(struct input *in, int depth)
{
    return in->is_converted ? get_converted(in, depth) : get_value(in, depth);
}

Py_ssize_t
value_decode(const unsigned char *data, size_t len, PyObject **values, Py_ssize_t count,
             Py_ssize_t converted)
{
    struct input in = {data, data + len, converted > 0 && converters_active() != NULL};
    for (Py_ssize_t i = 0; i < count; i++) {
        if (i == converted) {
            in.is_converted = 0;
        }
        values[i] = get_item(&in, 0);
        if (values[i] == NULL) {
            return i;
        }
    }
    return count;
}
