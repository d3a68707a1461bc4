/* Dates and times, between the encoding and the classes of datetime and zoneinfo. */

#include "values.h"

#include <datetime.h>
#include <string.h>

/* The kinds of tzinfo that have a plain form. */
static PyTypeObject *timezone_type, *zone_info_type;

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

/* The name of a zone, or None: a new reference; NULL without an exception when it has no plain
   form. */
static PyObject *
zone_name(PyObject *zone)
{
    if (Py_IsNone(zone) || Py_IS_TYPE(zone, timezone_type)) {
        return Py_NewRef(Py_None);
    }
    if (!Py_IS_TYPE(zone, zone_info_type)) {
        return NULL;
    }
    PyObject *name = PyObject_GetAttrString(zone, "key");
    if (name == NULL || !stdlib_is_plain(name)) {
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
    int64_t east = Py_IsNone(offset) ? OPHIDIA_NO_OFFSET : microseconds(offset);
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

int
moment_put(PyObject *value)
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
    return 0;
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
        zone = PyObject_CallOneArg((PyObject *)zone_info_type, name);
    }
    else if (east == OPHIDIA_NO_OFFSET) {
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

/* The sum of the parts, which may be larger than CPython's own sums have room for: that is too long in any case. */
static PyObject *
get_delta(struct input *in)
{
    int32_t days;
    uint32_t seconds, microseconds;
    if (value_get(in, &days, 4) < 0 || value_get(in, &seconds, 4) < 0 || value_get(in, &microseconds, 4) < 0) {
        return NULL;
    }
    int64_t second = (int64_t)seconds + microseconds / 1000000, day = days + second / 86400;
    return PyDelta_FromDSU(day > INT32_MAX ? INT32_MAX : (int)day, (int)(second % 86400), (int)(microseconds % 1000000));
}

PyObject *
moment_get(struct input *in, uint8_t tag, int depth)
{
    struct date date;
    switch (tag) {
    case OPHIDIA_ENCODED_DATE:
        return value_get(in, &date, sizeof date) < 0
                   ? NULL
                   : PyDate_FromDate(date.year, date.month, date.day);
    case OPHIDIA_ENCODED_TIME:
    case OPHIDIA_ENCODED_DATE_TIME:
        return get_moment(in, tag == OPHIDIA_ENCODED_DATE_TIME, depth);
    case OPHIDIA_ENCODED_TIME_DELTA:
        return get_delta(in);
    }
    PyErr_Format(PyExc_SystemError, "a value from the host has the unknown tag %d", tag);
    return NULL;
}

int
moment_types_fetch(void)
{
    PyDateTime_IMPORT;
    timezone_type = (PyTypeObject *)bridge_attribute("datetime", "timezone");
    zone_info_type = (PyTypeObject *)bridge_attribute("zoneinfo", "ZoneInfo");
    return PyDateTimeAPI == NULL || timezone_type == NULL || zone_info_type == NULL ? -1 : 0;
}
