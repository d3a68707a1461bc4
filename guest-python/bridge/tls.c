/* What python/tls.py needs of the host's TLS. */

#include "network.h"

#include <errno.h>

/* A number or a code of the host's, or NULL with an OSError set. */
static PyObject *
number(uint32_t given)
{
    int32_t number = (int32_t)given;
    if (number < OPHIDIA_TLS_FIRST_ERROR) {
        errno = OPHIDIA_TLS_FIRST_ERROR - number;
        if (errno == EINTR && PyErr_CheckSignals() < 0) {
            return NULL;
        }
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    return PyLong_FromLong(number);
}

static PyObject *
opened(uint32_t error, int fd)
{
    if (error != 0) {
        errno = (int)error;
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    return PyLong_FromLong(fd);
}

/* A record of numbers, then the name and the protocols behind their lengths, as the host's tls.rs reads it. */
static PyObject *
tls_open(PyObject *self, PyObject *args)
{
    (void)self;
    const char *name, *protocols;
    Py_ssize_t name_len, protocols_len;
    unsigned flags, minimum, maximum, trust;
    int fd = -1;
    if (!PyArg_ParseTuple(args, "s#IIIy#I", &name, &name_len, &flags, &minimum, &maximum, &protocols, &protocols_len,
                          &trust)) {
        return NULL;
    }
    if (name_len > 255 || protocols_len > 4096) {
        PyErr_SetString(PyExc_ValueError, "the name of a server has at most 255 bytes, its protocols 4096");
        return NULL;
    }
    const uint32_t head[] = {flags, minimum, maximum, trust, (uint32_t)name_len, (uint32_t)protocols_len};
    unsigned char settings[sizeof head + 255 + 4096];
    memcpy(settings, head, sizeof head);
    memcpy(settings + sizeof head, name, (size_t)name_len);
    memcpy(settings + sizeof head + name_len, protocols, (size_t)protocols_len);
    uint32_t len = (uint32_t)(sizeof head + (size_t)name_len + (size_t)protocols_len);
    uint32_t error = ophidia_host_tls_open(address(settings), len, address(&fd));
    return opened(error, fd);
}

static PyObject *
tls_trust(PyObject *self, PyObject *from)
{
    (void)self;
    Py_buffer bytes;
    int trust = 0;
    if (PyObject_GetBuffer(from, &bytes, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    uint32_t error = ophidia_host_tls_trust(address(bytes.buf), (uint32_t)bytes.len, address(&trust));
    PyBuffer_Release(&bytes);
    return opened(error, trust);
}

static PyObject *
tls_attach(PyObject *self, PyObject *args)
{
    (void)self;
    unsigned tls, fd;
    if (!PyArg_ParseTuple(args, "II", &tls, &fd)) {
        return NULL;
    }
    return opened(ophidia_host_tls_attach(tls, fd), 0);
}

static PyObject *
tls_handshake(PyObject *self, PyObject *tls)
{
    (void)self;
    unsigned long fd = PyLong_AsUnsignedLong(tls);
    return PyErr_Occurred() ? NULL : number(ophidia_host_tls_handshake(fd));
}

static PyObject *
tls_shutdown(PyObject *self, PyObject *tls)
{
    (void)self;
    unsigned long fd = PyLong_AsUnsignedLong(tls);
    return PyErr_Occurred() ? NULL : number(ophidia_host_tls_shutdown(fd));
}

typedef uint32_t moves(uint32_t tls, uint32_t at, uint32_t len);

static PyObject *
moved(PyObject *const *args, Py_ssize_t count, int flags, moves *move)
{
    Py_buffer bytes;
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "a connection and a buffer are expected");
        return NULL;
    }
    unsigned long fd = PyLong_AsUnsignedLong(args[0]);
    if (PyErr_Occurred() || PyObject_GetBuffer(args[1], &bytes, flags) < 0) {
        return NULL;
    }
    uint32_t len = bytes.len < INT32_MAX ? (uint32_t)bytes.len : INT32_MAX;
    uint32_t given = move(fd, address(bytes.buf), len);
    PyBuffer_Release(&bytes);
    return number(given);
}

static PyObject *
tls_read(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    (void)self;
    return moved(args, count, PyBUF_WRITABLE, ophidia_host_tls_read);
}

static PyObject *
tls_write(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    (void)self;
    return moved(args, count, PyBUF_SIMPLE, ophidia_host_tls_write);
}

static PyObject *
tls_feed(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    (void)self;
    return moved(args, count, PyBUF_SIMPLE, ophidia_host_tls_feed);
}

static PyObject *
tls_take(PyObject *self, PyObject *args)
{
    (void)self;
    unsigned tls;
    Py_ssize_t most;
    if (!PyArg_ParseTuple(args, "In", &tls, &most)) {
        return NULL;
    }
    most = most<0 ? 0 : most>(1 << 18) ? 1 << 18 : most;
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, most);
    if (bytes == NULL) {
        return NULL;
    }
    int32_t len = (int32_t)ophidia_host_tls_take(tls, address(PyBytes_AS_STRING(bytes)), (uint32_t)most);
    if (len < 0) {
        Py_DECREF(bytes);
        return number((uint32_t)len);
    }
    _PyBytes_Resize(&bytes, len < most ? len : most);
    return bytes;
}

static PyObject *
tls_about(PyObject *self, PyObject *args)
{
    (void)self;
    unsigned tls, what;
    if (!PyArg_ParseTuple(args, "II", &tls, &what)) {
        return NULL;
    }
    char some[256];
    int32_t len = (int32_t)ophidia_host_tls_about(tls, what, address(some), sizeof some);
    if (len < 0) {
        return number((uint32_t)len);
    }
    if (len <= (int32_t)sizeof some) {
        return PyBytes_FromStringAndSize(some, len);
    }
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, len);
    if (bytes != NULL) {
        ophidia_host_tls_about(tls, what, address(PyBytes_AS_STRING(bytes)), (uint32_t)len);
    }
    return bytes;
}

static PyObject *
tls_pending(PyObject *self, PyObject *tls)
{
    (void)self;
    unsigned long fd = PyLong_AsUnsignedLong(tls);
    if (PyErr_Occurred()) {
        return NULL;
    }
    int32_t pending = 0;
    int32_t len = (int32_t)ophidia_host_tls_about(fd, OPHIDIA_TLS_PENDING, address(&pending), sizeof pending);
    return len < 0 ? number((uint32_t)len) : PyLong_FromLong(pending);
}

static PyMethodDef methods[] = {
    {"tls_open", tls_open, METH_VARARGS, "(server_name, flags, minimum, maximum, protocols, trust) -> int."},
    {"tls_trust", tls_trust, METH_O, "(certificates) -> int."},
    {"tls_attach", tls_attach, METH_VARARGS, "(tls, fd)."},
    {"tls_handshake", tls_handshake, METH_O, "(tls) -> code."},
    {"tls_read", (PyCFunction)(void (*)(void))tls_read, METH_FASTCALL, "(tls, buffer) -> bytes read, or a code."},
    {"tls_write", (PyCFunction)(void (*)(void))tls_write, METH_FASTCALL, "(tls, bytes) -> bytes taken, or a code."},
    {"tls_shutdown", tls_shutdown, METH_O, "(tls) -> code."},
    {"tls_feed", (PyCFunction)(void (*)(void))tls_feed, METH_FASTCALL, "(tls, bytes) -> bytes taken."},
    {"tls_take", tls_take, METH_VARARGS, "(tls, most) -> bytes."},
    {"tls_about", tls_about, METH_VARARGS, "(tls, what) -> bytes."},
    {"tls_pending", tls_pending, METH_O, "(tls) -> bytes that can be read at once."},
    {NULL, NULL, 0, NULL},
};

int
tls_ready(PyObject *module)
{
    return PyModule_AddFunctions(module, methods);
}
