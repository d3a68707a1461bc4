/* Decimals, paths and the like, between the encoding and the standard library's classes. */

#include "values.h"

/* The classes, all of them of the preload list. Instances of subclasses stay objects. */
static struct {
    PyTypeObject *decimal, *fraction, *uuid, *path, *enum_type;
    PyObject *int_keyword; /* ("int",) */
} known;

/* --- to the host --------------------------------------------------------------------------- */

/* Whether a text can be written as one. */
int
stdlib_is_plain(PyObject *text)
{
    if (PyUnicode_CheckExact(text) && PyUnicode_AsUTF8AndSize(text, NULL) != NULL) {
        return 1;
    }
    PyErr_Clear();
    return 0;
}

/* What str() gives. */
static int
put_str(uint8_t tag, PyObject *value)
{
    PyObject *text = PyObject_Str(value);
    if (text == NULL) {
        return -1;
    }
    int result = stdlib_is_plain(text);
    if (result) {
        Py_ssize_t len;
        const char *data = PyUnicode_AsUTF8AndSize(text, &len);
        result = value_put_counted(tag, data, (size_t)len) < 0 ? -1 : 1;
    }
    Py_DECREF(text);
    return result;
}

/* An attribute when it is an int: a new reference; NULL without an exception when it is not. */
static PyObject *
int_attribute(PyObject *value, const char *name)
{
    PyObject *number = PyObject_GetAttrString(value, name);
    if (number == NULL || !PyLong_CheckExact(number)) {
        PyErr_Clear();
        Py_CLEAR(number);
    }
    return number;
}

static int
put_fraction(PyObject *value)
{
    PyObject *numerator = int_attribute(value, "_numerator");
    PyObject *denominator = int_attribute(value, "_denominator");
    int result = 0, sign = 0;
    if (numerator != NULL && denominator != NULL && PyLong_GetSign(denominator, &sign) == 0 && sign > 0) {
        int failed = value_put(OPHIDIA_ENCODED_FRACTION, "", 0) < 0
                     || value_put_int(numerator) < 0 || value_put_int(denominator) < 0;
        result = failed ? -1 : 1;
    }
    Py_XDECREF(numerator);
    Py_XDECREF(denominator);
    return result;
}

static int
put_uuid(PyObject *value)
{
    unsigned char bytes[16];
    PyObject *number = int_attribute(value, "int");
    if (number == NULL) {
        return 0;
    }
    Py_ssize_t needed = PyLong_AsNativeBytes(
        number, bytes, sizeof bytes,
        Py_ASNATIVEBYTES_BIG_ENDIAN | Py_ASNATIVEBYTES_UNSIGNED_BUFFER
            | Py_ASNATIVEBYTES_REJECT_NEGATIVE);
    Py_DECREF(number);
    if (needed < 0 || (size_t)needed > sizeof bytes) {
        PyErr_Clear();
        return 0;
    }
    return value_put(OPHIDIA_ENCODED_UUID, bytes, sizeof bytes) < 0 ? -1 : 1;
}

static int
put_range(PyObject *value)
{
    static const char *const names[] = {"start", "stop", "step"};
    long long parts[3];
    for (size_t i = 0; i < 3; i++) {
        PyObject *number = int_attribute(value, names[i]);
        int overflow = number == NULL;
        if (number != NULL) {
            parts[i] = PyLong_AsLongLongAndOverflow(number, &overflow);
            Py_DECREF(number);
        }
        if (overflow) {
            return 0;
        }
    }
    return value_put(OPHIDIA_ENCODED_RANGE, parts, sizeof parts) < 0 ? -1 : 1;
}

static int
put_member(PyObject *value)
{
    PyObject *name;
    if (PyObject_GetOptionalAttrString(value, "_name_", &name) < 0) {
        return -1;
    }
    int result = 0;
    if (name != NULL && stdlib_is_plain(name)) {
        int failed = value_put(OPHIDIA_ENCODED_MEMBER, "", 0) < 0 || value_put_text(name) < 0
                     || value_put_handle(value) < 0;
        result = failed ? -1 : 1;
    }
    Py_XDECREF(name);
    return result;
}

int
stdlib_put(PyObject *value)
{
    PyTypeObject *type = Py_TYPE(value);
    if (type == known.decimal) {
        return put_str(OPHIDIA_ENCODED_DECIMAL, value);
    }
    if (type == known.fraction) {
        return put_fraction(value);
    }
    if (type == known.uuid) {
        return put_uuid(value);
    }
    if (type == known.path) {
        return put_str(OPHIDIA_ENCODED_PATH, value);
    }
    if (type == &PyRange_Type) {
        return put_range(value);
    }
    if (PyObject_TypeCheck((PyObject *)type, known.enum_type)) {
        return put_member(value);
    }
    int put = moment_put(value);
    for (const struct package *const *package = bridge_packages; put == 0 && *package != NULL; package++) {
        put = (*package)->put == NULL ? 0 : (*package)->put(value);
    }
    return put;
}

/* --- from the host ------------------------------------------------------------------------- */

/* What a class makes of a text. */
static PyObject *
get_from_text(struct input *in, PyTypeObject *type)
{
    PyObject *text = value_get_text(in);
    PyObject *value = text == NULL ? NULL : PyObject_CallOneArg((PyObject *)type, text);
    Py_XDECREF(text);
    return value;
}

static PyObject *
get_fraction(struct input *in, int depth)
{
    PyObject *numerator = value_get_value(in, depth);
    PyObject *denominator = numerator == NULL ? NULL : value_get_value(in, depth);
    PyObject *value = NULL;
    if (denominator != NULL) {
        value = PyObject_CallFunctionObjArgs((PyObject *)known.fraction, numerator, denominator,
                                             NULL);
    }
    Py_XDECREF(numerator);
    Py_XDECREF(denominator);
    return value;
}

static PyObject *
get_uuid(struct input *in)
{
    unsigned char bytes[16];
    if (value_get(in, bytes, sizeof bytes) < 0) {
        return NULL;
    }
    PyObject *number = PyLong_FromUnsignedNativeBytes(bytes, sizeof bytes,
                                                      Py_ASNATIVEBYTES_BIG_ENDIAN);
    if (number == NULL) {
        return NULL;
    }
    PyObject *value = PyObject_Vectorcall((PyObject *)known.uuid, &number, 0, known.int_keyword);
    Py_DECREF(number);
    return value;
}

PyObject *
stdlib_get(struct input *in, uint8_t tag, int depth)
{
    long long range[3];
    switch (tag) {
    case OPHIDIA_ENCODED_DECIMAL:
        return get_from_text(in, known.decimal);
    case OPHIDIA_ENCODED_PATH:
        return get_from_text(in, known.path);
    case OPHIDIA_ENCODED_FRACTION:
        return get_fraction(in, depth);
    case OPHIDIA_ENCODED_UUID:
        return get_uuid(in);
    case OPHIDIA_ENCODED_RANGE:
        return value_get(in, range, sizeof range) < 0
                   ? NULL
                   : PyObject_CallFunction((PyObject *)&PyRange_Type, "LLL", range[0], range[1],
                                           range[2]);
    default:
        return moment_get(in, tag, depth);
    }
}

int
stdlib_types_fetch(void)
{
    struct {
        PyTypeObject **field;
        const char *module;
        const char *name;
    } wanted[] = {
        {&known.decimal, "decimal", "Decimal"}, {&known.fraction, "fractions", "Fraction"},
        {&known.uuid, "uuid", "UUID"},          {&known.path, "pathlib", "PosixPath"},
        {&known.enum_type, "enum", "EnumType"},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        PyObject *class = bridge_attribute(wanted[i].module, wanted[i].name);
        if (class == NULL || !PyType_Check(class)) {
            return -1;
        }
        *wanted[i].field = (PyTypeObject *)class;
    }
    known.int_keyword = Py_BuildValue("(s)", "int");
    return known.int_keyword == NULL ? -1 : moment_types_fetch();
}
