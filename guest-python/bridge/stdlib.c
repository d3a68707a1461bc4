/* Dates, times, decimals and the like, between the encoding and the standard library's classes. */

#include "values.h"

#include <datetime.h>
#include <string.h>

/* The classes, all of them of the preload list. Instances of subclasses stay objects. */
static struct {
    PyTypeObject *timezone, *zone_info, *decimal, *fraction, *uuid, *path, *enum_type;
    PyObject *int_keyword; /* ("int",) */
} known;

#define NO_OFFSET INT64_MIN

/* --- to the host --------------------------------------------------------------------------- */

/* One byte each but for the year, as they lie in the encoding. */
struct date {
    uint16_t year;
    uint8_t month, day;
};

struct time {
    uint8_t hour, minute, second, fold;
    uint32_t microsecond;
};

_Static_assert(sizeof(struct date) == 4 && sizeof(struct time) == 8, "no padding");

static struct date
date_of(PyObject *value)
{
    return (struct date){
        .year = (uint16_t)PyDateTime_GET_YEAR(value),
        .month = (uint8_t)PyDateTime_GET_MONTH(value),
        .day = (uint8_t)PyDateTime_GET_DAY(value),
    };
}

static int64_t
microseconds(PyObject *delta)
{
    int64_t seconds = (int64_t)PyDateTime_DELTA_GET_DAYS(delta) * 86400
                      + PyDateTime_DELTA_GET_SECONDS(delta);
    return seconds * 1000000 + PyDateTime_DELTA_GET_MICROSECONDS(delta);
}

/* Whether a text can be written as one. */
static int
is_plain(PyObject *text)
{
    if (PyUnicode_CheckExact(text) && PyUnicode_AsUTF8AndSize(text, NULL) != NULL) {
        return 1;
    }
    PyErr_Clear();
    return 0;
}

/* The name of a zone, or None: a new reference; NULL without an exception when it has no plain
   form. */
static PyObject *
zone_name(PyObject *zone)
{
    if (Py_IsNone(zone) || Py_IS_TYPE(zone, known.timezone)) {
        return Py_NewRef(Py_None);
    }
    if (!Py_IS_TYPE(zone, known.zone_info)) {
        return NULL;
    }
    PyObject *name = PyObject_GetAttrString(zone, "key");
    if (name == NULL || !is_plain(name)) {
        PyErr_Clear();
        Py_CLEAR(name);
    }
    return name;
}

/* A datetime or time: its fields, the offset from UTC and the name of the zone. */
static int
put_moment(uint8_t tag, PyObject *value, const struct date *date, struct time time, PyObject *zone)
{
    PyObject *name = zone_name(zone);
    if (name == NULL) {
        return 0;
    }
    PyObject *offset = PyObject_CallMethod(value, "utcoffset", NULL);
    if (offset == NULL) {
        Py_DECREF(name);
        return -1;
    }
    int64_t east = Py_IsNone(offset) ? NO_OFFSET : microseconds(offset);
    Py_DECREF(offset);
    unsigned char data[sizeof *date + sizeof time + sizeof east];
    size_t len = 0;
    if (date != NULL) {
        memcpy(data, date, sizeof *date);
        len = sizeof *date;
    }
    memcpy(data + len, &time, sizeof time);
    memcpy(data + len + sizeof time, &east, sizeof east);
    int failed = value_put(tag, data, len + sizeof time + sizeof east) < 0
                 || (Py_IsNone(name) ? value_put(OPHIDIA_ENCODED_NONE, "", 0) : value_put_text(name))
                        < 0;
    Py_DECREF(name);
    return failed ? -1 : 1;
}

static int
put_datetime(PyObject *value)
{
    struct date date = date_of(value);
    struct time time = {
        .hour = (uint8_t)PyDateTime_DATE_GET_HOUR(value),
        .minute = (uint8_t)PyDateTime_DATE_GET_MINUTE(value),
        .second = (uint8_t)PyDateTime_DATE_GET_SECOND(value),
        .fold = (uint8_t)PyDateTime_DATE_GET_FOLD(value),
        .microsecond = (uint32_t)PyDateTime_DATE_GET_MICROSECOND(value),
    };
    return put_moment(OPHIDIA_ENCODED_DATE_TIME, value, &date, time,
                      PyDateTime_DATE_GET_TZINFO(value));
}

static int
put_time(PyObject *value)
{
    struct time time = {
        .hour = (uint8_t)PyDateTime_TIME_GET_HOUR(value),
        .minute = (uint8_t)PyDateTime_TIME_GET_MINUTE(value),
        .second = (uint8_t)PyDateTime_TIME_GET_SECOND(value),
        .fold = (uint8_t)PyDateTime_TIME_GET_FOLD(value),
        .microsecond = (uint32_t)PyDateTime_TIME_GET_MICROSECOND(value),
    };
    return put_moment(OPHIDIA_ENCODED_TIME, value, NULL, time, PyDateTime_TIME_GET_TZINFO(value));
}

static int
put_delta(PyObject *value)
{
    int32_t parts[3] = {
        PyDateTime_DELTA_GET_DAYS(value),
        PyDateTime_DELTA_GET_SECONDS(value),
        PyDateTime_DELTA_GET_MICROSECONDS(value),
    };
    return value_put(OPHIDIA_ENCODED_TIME_DELTA, parts, sizeof parts) < 0 ? -1 : 1;
}

/* What str() gives. */
static int
put_str(uint8_t tag, PyObject *value)
{
    PyObject *text = PyObject_Str(value);
    if (text == NULL) {
        return -1;
    }
    int result = is_plain(text);
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
    int result = 0;
    if (numerator != NULL && denominator != NULL && _PyLong_Sign(denominator) > 0) {
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
    if (name != NULL && is_plain(name)) {
        int failed = value_put(OPHIDIA_ENCODED_MEMBER, "", 0) < 0 || value_put_text(name) < 0
                     || value_put_handle(value) < 0;
        result = failed ? -1 : 1;
    }
    Py_XDECREF(name);
    return result;
}

static int
put_instance(PyObject *value)
{
    PyTypeObject *type = Py_TYPE(value);
    if (type == PyDateTimeAPI->DateTimeType) {
        return put_datetime(value);
    }
    if (type == PyDateTimeAPI->DateType) {
        struct date date = date_of(value);
        return value_put(OPHIDIA_ENCODED_DATE, &date, sizeof date) < 0 ? -1 : 1;
    }
    if (type == PyDateTimeAPI->TimeType) {
        return put_time(value);
    }
    if (type == PyDateTimeAPI->DeltaType) {
        return put_delta(value);
    }
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
    return 0;
}

int
stdlib_put(PyObject *value)
{
    /* What holds it may let go of it meanwhile. */
    Py_INCREF(value);
    int result = put_instance(value);
    Py_DECREF(value);
    return result;
}

/* --- from the host ------------------------------------------------------------------------- */

/* The offset and the name of a zone as a tzinfo, or None. */
static PyObject *
get_zone(struct input *in, int depth)
{
    int64_t east;
    PyObject *name = value_get(in, &east, sizeof east) < 0 ? NULL : value_get_value(in, depth);
    if (name == NULL) {
        return NULL;
    }
    PyObject *zone = NULL;
    if (!Py_IsNone(name)) {
        zone = PyObject_CallOneArg((PyObject *)known.zone_info, name);
    }
    else if (east == NO_OFFSET) {
        zone = Py_NewRef(Py_None);
    }
    else {
        int64_t seconds = east / 1000000;
        PyObject *offset = PyDelta_FromDSU((int)(seconds / 86400), (int)(seconds % 86400),
                                           (int)(east % 1000000));
        zone = offset == NULL ? NULL : PyTimeZone_FromOffset(offset);
        Py_XDECREF(offset);
    }
    Py_DECREF(name);
    return zone;
}

static PyObject *
get_moment(struct input *in, int with_date, int depth)
{
    struct date date;
    struct time time;
    if ((with_date && value_get(in, &date, sizeof date) < 0)
        || value_get(in, &time, sizeof time) < 0) {
        return NULL;
    }
    PyObject *zone = get_zone(in, depth);
    if (zone == NULL) {
        return NULL;
    }
    int microsecond = time.microsecond > INT32_MAX ? INT32_MAX : (int)time.microsecond;
    PyObject *value = with_date
        ? PyDateTimeAPI->DateTime_FromDateAndTimeAndFold(
              date.year, date.month, date.day, time.hour, time.minute, time.second, microsecond,
              zone, time.fold, PyDateTimeAPI->DateTimeType)
        : PyDateTimeAPI->Time_FromTimeAndFold(time.hour, time.minute, time.second, microsecond,
                                              zone, time.fold, PyDateTimeAPI->TimeType);
    Py_DECREF(zone);
    return value;
}

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
    struct date date;
    int32_t delta[3];
    long long range[3];
    switch (tag) {
    case OPHIDIA_ENCODED_DATE:
        return value_get(in, &date, sizeof date) < 0
                   ? NULL
                   : PyDate_FromDate(date.year, date.month, date.day);
    case OPHIDIA_ENCODED_TIME:
    case OPHIDIA_ENCODED_DATE_TIME:
        return get_moment(in, tag == OPHIDIA_ENCODED_DATE_TIME, depth);
    case OPHIDIA_ENCODED_TIME_DELTA:
        return value_get(in, delta, sizeof delta) < 0
                   ? NULL
                   : PyDelta_FromDSU(delta[0], delta[1], delta[2]);
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
    }
    PyErr_Format(PyExc_SystemError, "a value from the host has the unknown tag %d", tag);
    return NULL;
}

int
stdlib_types_fetch(void)
{
    PyDateTime_IMPORT;
    if (PyDateTimeAPI == NULL) {
        return -1;
    }
    struct {
        PyTypeObject **field;
        const char *module;
        const char *name;
    } wanted[] = {
        {&known.timezone, "datetime", "timezone"}, {&known.zone_info, "zoneinfo", "ZoneInfo"},
        {&known.decimal, "decimal", "Decimal"},    {&known.fraction, "fractions", "Fraction"},
        {&known.uuid, "uuid", "UUID"},             {&known.path, "pathlib", "PosixPath"},
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
    return known.int_keyword == NULL ? -1 : 0;
}
