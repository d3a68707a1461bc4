/* What encode.c, decode.c and stdlib.c share: writing and reading parts of the encoding. */
#ifndef OPHIDIA_VALUES_H
#define OPHIDIA_VALUES_H

#include "bridge.h"

/* Writes a tag and what follows it; -1 with an exception set. */
int value_put(uint8_t tag, const void *data, size_t len);

/* The same with the count of the bytes in front of them. */
int value_put_counted(uint8_t tag, const void *data, size_t len);

/* Writes an exact int, str or any object as a handle. */
int value_put_int(PyObject *value);
int value_put_text(PyObject *value);
int value_put_handle(PyObject *value);

/* Writes a whole value, `depth` levels deep in another one. */
int value_put_value(PyObject *value, int depth);

struct input {
    const unsigned char *at, *end;
    int is_converted; /* whether converters are applied to what follows */
};

/* Reads so many bytes; -1 with an exception set when there are fewer. */
static inline int
value_get(struct input *in, void *data, size_t len)
{
    if ((size_t)(in->end - in->at) < len) {
        PyErr_SetString(PyExc_SystemError, "a value from the host is cut off");
        return -1;
    }
    memcpy(data, in->at, len);
    in->at += len;
    return 0;
}

/* Reads a count and as many bytes as text; NULL with an exception set. */
PyObject *value_get_text(struct input *in);

/* Reads a whole value. */
PyObject *value_get_value(struct input *in, int depth);

/* Writes an instance of one of the standard library's classes that have a plain form: 1; 0 when it is
   none; -1 with an exception set. It may run Python code. Dates and times are those of moments.c; packages
   have more. */
int stdlib_put(PyObject *value);
int moment_put(PyObject *value);

/* Reads one, after its tag; NULL with an exception set. It may run Python code. */
PyObject *stdlib_get(struct input *in, uint8_t tag, int depth);
PyObject *moment_get(struct input *in, uint8_t tag, int depth);

/* Finds the classes of moments.c; -1 with an exception set. */
int moment_types_fetch(void);

/* Beside the forms that the host wants values in: for another interpreter, with room for a frame's head in front. */
#define WANT_MESSAGE UINT32_MAX

/* Takes over the memory that the last message was encoded into. */
void *message_take(size_t *capacity);

/* Writes a pid or a reference, and an array where that `leaves` for another interpreter: 1; 0 when it is none; -1 with
   an exception set. */
int message_put(PyObject *value, int leaves);

/* Reads a pid or a reference, after its tag. */
PyObject *message_get(struct input *in, uint8_t tag);

/* Whether it is a str without lone surrogates. */
int stdlib_is_plain(PyObject *text);

#endif
