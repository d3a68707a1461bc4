/* Python objects into the encoding, on their way to the host; interop-abi describes the format. */

#define Py_BUILD_CORE 1
#include "values.h"
#include "internal/pycore_setobject.h"

#include <string.h>

/* What has been encoded so far; whether instances of subclasses are taken for what they
   are besides, all of them or only an outermost container; below how many containers objects are wanted, -1 for
   none, and whether all that is there are. */
struct output {
    unsigned char *data;
    size_t len, capacity;
    int plain, containers, objects, all_objects;
    int leaves; /* for another interpreter, to which no object goes */
};

/* One for each level, and one for messages: what runs while a value is written, or before the host has read it, may send
   one. */
static struct output outputs[OPHIDIA_LEVELS], message_output;

/* The one that is written to. */
static struct output *writing;

/* Characters of a text that goes as a value where an object will do. */
#define SHORT_TEXT 256

#define out (*writing)

/* What a long value needed is given back afterwards. */
#define KEPT (64 << 10)

static int
reserve(size_t more)
{
    if (more > OPHIDIA_MAX_ENCODED - out.len) {
        PyErr_Format(PyExc_OverflowError, "a value of more than %zu MiB cannot travel at once",
                     (size_t)OPHIDIA_MAX_ENCODED >> 20);
        return -1;
    }
    if (out.len + more <= out.capacity) {
        return 0;
    }
    size_t wanted = out.capacity < 512 ? 1024 : out.capacity * 2;
    while (wanted < out.len + more) {
        wanted *= 2;
    }
    unsigned char *grown = PyMem_RawRealloc(out.data, wanted);
    if (grown == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    out.data = grown;
    out.capacity = wanted;
    return 0;
}

int
value_put(uint8_t tag, const void *data, size_t len)
{
    if (reserve(1 + len) < 0) {
        return -1;
    }
    out.data[out.len] = tag;
    memcpy(out.data + out.len + 1, data, len);
    out.len += 1 + len;
    return 0;
}

int
value_put_counted(uint8_t tag, const void *data, size_t len)
{
    uint32_t count = (uint32_t)len;
    if (reserve(5 + len) < 0) {
        return -1;
    }
    out.data[out.len] = tag;
    memcpy(out.data + out.len + 1, &count, 4);
    memcpy(out.data + out.len + 5, data, len);
    out.len += 5 + len;
    return 0;
}

static int
put_count(uint8_t tag, Py_ssize_t items)
{
    uint32_t count = (uint32_t)items;
    return value_put(tag, &count, 4);
}

/* As value_put of eight bytes; numbers are what most values consist of. */
static inline int
put_eight(uint8_t tag, const void *data)
{
    if (out.capacity - out.len < 9) {
        return value_put(tag, data, 8);
    }
    unsigned char *at = out.data + out.len;
    *at = tag;
    memcpy(at + 1, data, 8);
    out.len += 9;
    return 0;
}

int
value_put_int(PyObject *value)
{
    if (PyUnstable_Long_IsCompact((PyLongObject *)value)) {
        long long number = PyUnstable_Long_CompactValue((PyLongObject *)value);
        return put_eight(OPHIDIA_ENCODED_INT, &number);
    }
    int overflow;
    long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow == 0) {
        return value_put(OPHIDIA_ENCODED_INT, &number, 8);
    }
    Py_ssize_t size = PyLong_AsNativeBytes(value, NULL, 0, Py_ASNATIVEBYTES_LITTLE_ENDIAN);
    if (size < 0 || reserve(5 + (size_t)size) < 0) {
        return -1;
    }
    uint32_t count = (uint32_t)size;
    out.data[out.len] = OPHIDIA_ENCODED_BIG_INT;
    memcpy(out.data + out.len + 1, &count, 4);
    if (PyLong_AsNativeBytes(value, out.data + out.len + 5, size, Py_ASNATIVEBYTES_LITTLE_ENDIAN)
        < 0) {
        return -1;
    }
    out.len += 5 + (size_t)size;
    return 0;
}

int
value_put_text(PyObject *value)
{
    Py_ssize_t len = PyUnicode_GET_LENGTH(value);
    const char *data = PyUnicode_IS_COMPACT_ASCII(value) ? PyUnicode_DATA(value)
                                                         : PyUnicode_AsUTF8AndSize(value, &len);
    if (data != NULL) {
        return value_put_counted(OPHIDIA_ENCODED_STR, data, (size_t)len);
    }
    PyErr_Clear();
    PyObject *bytes = PyUnicode_AsEncodedString(value, "utf-8", "surrogatepass");
    if (bytes == NULL) {
        return -1;
    }
    int failed = value_put_counted(OPHIDIA_ENCODED_WIDE_STR, PyBytes_AS_STRING(bytes),
                             (size_t)PyBytes_GET_SIZE(bytes));
    Py_DECREF(bytes);
    return failed;
}

int
value_put_handle(PyObject *value)
{
    struct ophidia_slot slot;
    if (out.leaves) {
        PyErr_Format(PyExc_TypeError,
                     "a %.200s cannot go to another interpreter: messages are plain data, arrays, pids and references, "
                     "nested %d deep at most", Py_TYPE(value)->tp_name, OPHIDIA_MAX_DEPTH);
        return -1;
    }
    if (handle_new(value, &slot) < 0) {
        return -1;
    }
    uint32_t words[2] = {(uint32_t)slot.payload, slot.len};
    return value_put(OPHIDIA_ENCODED_HANDLE, words, sizeof words);
}

/* Some conversions run Python code, which may change or let go of the container around them. So
   everything in here holds what it walks, looks at its size at every step, and gives up when it is not
   what was written in front of the items. */

/* After `written` of `count` items. */
static int
walked(PyObject *value, Py_ssize_t written, Py_ssize_t count, Py_ssize_t now)
{
    if (written == count && now == count) {
        return 0;
    }
    PyErr_Format(PyExc_RuntimeError, "%s changed size while it was copied", Py_TYPE(value)->tp_name);
    return -1;
}

static int
put_set(PyObject *value, uint8_t tag, int depth)
{
    Py_ssize_t count = PySet_GET_SIZE(value), position = 0, written = 0;
    PyObject *item;
    Py_hash_t hash;
    int failed = put_count(tag, count) < 0;
    while (!failed && written < count && _PySet_NextEntry(value, &position, &item, &hash)) {
        failed = value_put_value(item, depth) < 0;
        written++;
    }
    return failed ? -1 : walked(value, written, count, PySet_GET_SIZE(value));
}

static int
put_dict(PyObject *value, int depth)
{
    Py_ssize_t count = PyDict_GET_SIZE(value), position = 0, written = 0;
    PyObject *key, *item;
    int failed = put_count(OPHIDIA_ENCODED_DICT, count) < 0;
    while (!failed && written < count && PyDict_Next(value, &position, &key, &item)) {
        Py_INCREF(item);
        failed = value_put_value(key, depth) < 0 || value_put_value(item, depth) < 0;
        Py_DECREF(item);
        written++;
    }
    return failed ? -1 : walked(value, written, count, PyDict_GET_SIZE(value));
}

static int
put_items(PyObject *value, uint8_t tag, int depth)
{
    Py_ssize_t count = PySequence_Fast_GET_SIZE(value), written = 0;
    int failed = put_count(tag, count) < 0;
    while (!failed && written < count && written < PySequence_Fast_GET_SIZE(value)) {
        failed = value_put_value(PySequence_Fast_GET_ITEM(value, written), depth) < 0;
        written++;
    }
    return failed ? -1 : walked(value, written, count, PySequence_Fast_GET_SIZE(value));
}

static int
is_container(PyObject *value)
{
    return PyList_Check(value) || PyTuple_Check(value) || PyDict_Check(value)
           || PyAnySet_Check(value);
}

/* A container: an instance of such a class itself, or of a subclass. */
static int
put_container(PyObject *value, int depth)
{
    if (depth == OPHIDIA_MAX_DEPTH) {
        return value_put_handle(value);
    }
    Py_INCREF(value);
    int failed;
    if (PyList_Check(value)) {
        failed = put_items(value, OPHIDIA_ENCODED_LIST, depth + 1);
    } else if (PyTuple_Check(value)) {
        failed = put_items(value, OPHIDIA_ENCODED_TUPLE, depth + 1);
    } else if (PyDict_Check(value)) {
        failed = put_dict(value, depth + 1);
    } else {
        uint8_t tag = PyFrozenSet_Check(value) ? OPHIDIA_ENCODED_FROZEN_SET : OPHIDIA_ENCODED_SET;
        failed = put_set(value, tag, depth + 1);
    }
    Py_DECREF(value);
    return failed;
}

static int
put_bytes(PyObject *value)
{
    return value_put_counted(OPHIDIA_ENCODED_BYTES, PyBytes_AS_STRING(value),
                             (size_t)PyBytes_GET_SIZE(value));
}

static int
put_float(PyObject *value)
{
    double number = PyFloat_AS_DOUBLE(value);
    return put_eight(OPHIDIA_ENCODED_FLOAT, &number);
}

static int
put_complex(PyObject *value)
{
    /* Not PyComplex_AsCComplex: it asks a subclass's __complex__. */
    Py_complex number = ((PyComplexObject *)value)->cval;
    return value_put(OPHIDIA_ENCODED_COMPLEX, &number, 16);
}

/* An instance of a subclass as what it is besides: 1; 0 when that is nothing built in. */
static int
put_base(PyObject *value, int depth)
{
    int failed;
    if (PyLong_Check(value)) {
        failed = value_put_int(value);
    } else if (PyFloat_Check(value)) {
        failed = put_float(value);
    } else if (PyUnicode_Check(value)) {
        failed = value_put_text(value);
    } else if (PyBytes_Check(value)) {
        failed = put_bytes(value);
    } else if (PyComplex_Check(value)) {
        failed = put_complex(value);
    } else if (is_container(value)) {
        failed = put_container(value, depth);
    } else {
        return 0;
    }
    return failed < 0 ? -1 : 1;
}

/* Where an object is wanted: 1 when a value goes in its place, which no program can tell from it; 0 when not. */
static int
is_as_good(PyObject *value)
{
    if (out.all_objects) {
        return 0;
    }
    if (PyLong_CheckExact(value)) {
        int overflow;
        (void)PyLong_AsLongLongAndOverflow(value, &overflow);
        return overflow == 0;
    }
    return Py_IsNone(value) || PyBool_Check(value) || PyFloat_CheckExact(value)
           || (PyUnicode_CheckExact(value) && PyUnicode_GET_LENGTH(value) <= SHORT_TEXT);
}

/* An instance of any other class: it may run Python code. */
static int
put_instance(PyObject *value, int depth)
{
    int put = message_put(value, out.leaves);
    if (put == 0) {
        put = stdlib_put(value);
    }
    if (put != 0) {
        return put < 0 ? -1 : 0;
    }
    int64_t number = out.leaves ? -1 : host_object_number(value);
    if (number >= 0) {
        uint32_t word = (uint32_t)number;
        return value_put(OPHIDIA_ENCODED_HOST_OBJECT, &word, sizeof word);
    }
    if (out.plain && (put = put_base(value, depth)) != 0) {
        return put < 0 ? -1 : 0;
    }
    if (out.containers && depth == 0 && is_container(value)) {
        return put_container(value, depth);
    }
    return value_put_handle(value);
}

int
value_put_value(PyObject *value, int depth)
{
    if (out.objects >= 0) {
        if (depth >= out.objects && !is_as_good(value)) {
            return value_put_handle(value);
        }
        if (depth < out.objects && is_container(value)) {
            return put_container(value, depth);
        }
    }
    if (Py_IsNone(value)) {
        return value_put(OPHIDIA_ENCODED_NONE, "", 0);
    }
    if (PyBool_Check(value)) {
        return value_put(Py_IsTrue(value) ? OPHIDIA_ENCODED_TRUE : OPHIDIA_ENCODED_FALSE, "", 0);
    }
    if (PyLong_CheckExact(value)) {
        return value_put_int(value);
    }
    if (PyFloat_CheckExact(value)) {
        return put_float(value);
    }
    if (PyUnicode_CheckExact(value)) {
        return value_put_text(value);
    }
    if (PyBytes_CheckExact(value)) {
        return put_bytes(value);
    }
    if (PyComplex_CheckExact(value)) {
        return put_complex(value);
    }
    if (PyList_CheckExact(value) || PyTuple_CheckExact(value) || PyDict_CheckExact(value)
        || PyAnySet_CheckExact(value)) {
        return put_container(value, depth);
    }
    /* What holds it may let go of it meanwhile. */
    Py_INCREF(value);
    int failed = put_instance(value, depth);
    Py_DECREF(value);
    return failed;
}

/* To the output that is written to. */
static int
write_values(PyObject *const *values, size_t count, uint32_t want, PyObject *last)
{
    if (out.capacity > KEPT) {
        PyMem_RawFree(out.data);
        out.data = NULL;
        out.capacity = 0;
    }
    out.len = 0;
    if (want == WANT_MESSAGE) {
        if (reserve(OPHIDIA_MESSAGE_HEAD) < 0) {
            return -1;
        }
        out.len = OPHIDIA_MESSAGE_HEAD; /* room for it, in front of the value */
    }
    out.plain = want == OPHIDIA_WANT_PLAIN;
    out.leaves = want == WANT_MESSAGE;
    out.containers = want == OPHIDIA_WANT_CONTAINER;
    out.objects = out.leaves || want < OPHIDIA_WANT_OBJECTS_0 ? -1 : (int)(want - OPHIDIA_WANT_OBJECTS_0 + 1) / 2;
    out.all_objects = want == OPHIDIA_WANT_HANDLES_1 || want == OPHIDIA_WANT_HANDLES_2;
    int handles = want == OPHIDIA_WANT_HANDLE;
    int failed = 0;
    for (size_t i = 0; i < count && !failed; i++) {
        failed = handles && !Py_IsNone(values[i]) ? value_put_handle(values[i]) < 0
                                                  : value_put_value(values[i], 0) < 0;
    }
    out.objects = -1;
    return failed || (last != NULL && value_put_value(last, 0) < 0) ? -1 : 0;
}

int
values_encode(PyObject *const *values, size_t count, uint32_t want, PyObject *last,
              const unsigned char **data, size_t *len)
{
    struct output *before = writing, *output = want == WANT_MESSAGE ? &message_output : &outputs[bridge_level];
    uint64_t mark = handle_mark();
    writing = output;
    int failed = write_values(values, count, want, last) < 0;
    writing = before;
    if (failed) {
        PyObject *exception = PyErr_GetRaisedException();
        handle_release_since(mark);
        PyErr_SetRaisedException(exception);
        return -1;
    }
    *data = output->data;
    *len = output->len;
    return 0;
}

int
value_encode(PyObject *value, uint32_t want, const unsigned char **data, size_t *len)
{
    return values_encode(&value, 1, want, NULL, data, len);
}

void *
message_take(size_t *capacity)
{
    void *data = message_output.data;
    *capacity = message_output.capacity;
    message_output.data = NULL;
    message_output.capacity = 0;
    return data;
}
