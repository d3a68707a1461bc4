/* Messages between interpreters: frames that the host carries, as interop-abi describes them. */

#include "tasklets.h"
#include "values.h"

#include <string.h>

uint64_t tasklets_domain;

static struct box {
    char *data;
    size_t len, capacity;
} outbox, inbox;

#define KEPT (256 << 10)

/* The index that stands for a domain itself. */
#define THE_DOMAIN UINT32_MAX

/* --- pids, references, arrays --------------------------------------------------------------- */

static uint64_t
domain_out(uint64_t domain)
{
    return domain == 0 ? tasklets_domain : domain;
}

static uint64_t
domain_in(uint64_t domain)
{
    return domain == tasklets_domain ? 0 : domain;
}

/* An array of numpy: its type, its shape and its bytes. */
static int
put_array(PyObject *value)
{
    PyObject *dtype = PyObject_GetAttrString(value, "dtype");
    PyObject *kind = dtype == NULL ? NULL : PyObject_GetAttrString(dtype, "str");
    PyObject *names = dtype == NULL ? NULL : PyObject_GetAttrString(dtype, "names");
    PyObject *objects = dtype == NULL ? NULL : PyObject_GetAttrString(dtype, "hasobject");
    PyObject *shape = PyObject_GetAttrString(value, "shape"), *whole = NULL;
    int failed = kind == NULL || names == NULL || objects == NULL || shape == NULL;
    if (!failed && (names != Py_None || objects != Py_False)) {
        PyErr_Format(PyExc_TypeError,
                     "an array of %S cannot go to another interpreter: numbers, texts and times can", dtype);
        failed = 1;
    }
    Py_buffer view = {0};
    if (!failed) {
        /* As bytes, since not all types have a format in the buffer protocol; a copy where it is not contiguous. */
        PyObject *flat = PyObject_CallMethod(value, "ravel", NULL);
        whole = flat == NULL ? NULL : PyObject_CallMethod(flat, "view", "s", "u1");
        Py_XDECREF(flat);
        failed = whole == NULL || PyObject_GetBuffer(whole, &view, PyBUF_SIMPLE) < 0;
    }
    if (!failed) {
        uint32_t parts = 4;
        failed = value_put(OPHIDIA_ENCODED_ARRAY, "", 0) < 0 || value_put(OPHIDIA_ENCODED_TUPLE, &parts, 4) < 0
                 || value_put_counted(OPHIDIA_ENCODED_STR, "", 0) < 0 || value_put_value(kind, 1) < 0
                 || value_put_value(shape, 1) < 0
                 || value_put_counted(OPHIDIA_ENCODED_BYTES, view.buf, (size_t)view.len) < 0;
        PyBuffer_Release(&view);
    }
    Py_XDECREF(whole);
    Py_XDECREF(shape);
    Py_XDECREF(objects);
    Py_XDECREF(names);
    Py_XDECREF(kind);
    Py_XDECREF(dtype);
    return failed ? -1 : 1;
}

int
message_put(PyObject *value, int leaves)
{
    unsigned char data[16];
    if (Py_IS_TYPE(value, &pid_type)) {
        struct pid *pid = (struct pid *)value;
        uint64_t domain = domain_out(pid->domain);
        memcpy(data, &domain, 8);
        memcpy(data + 8, &pid->index, 4);
        memcpy(data + 12, &pid->generation, 4);
        return value_put(OPHIDIA_ENCODED_PID, data, sizeof data) < 0 ? -1 : 1;
    }
    if (Py_IS_TYPE(value, &ref_type)) {
        struct ref *ref = (struct ref *)value;
        uint64_t domain = domain_out(ref->domain);
        memcpy(data, &domain, 8);
        memcpy(data + 8, &ref->number, 8);
        return value_put(OPHIDIA_ENCODED_REF, data, sizeof data) < 0 ? -1 : 1;
    }
    if (!leaves) {
        return 0;
    }
    if (PyByteArray_CheckExact(value)) {
        return value_put_counted(OPHIDIA_ENCODED_BYTES, PyByteArray_AS_STRING(value), (size_t)PyByteArray_GET_SIZE(value)) < 0
                   ? -1
                   : 1;
    }
    return message_is_array(value) ? put_array(value) : 0;
}

PyObject *
message_get(struct input *in, uint8_t tag)
{
    uint64_t domain, number;
    if (value_get(in, &domain, 8) < 0 || value_get(in, &number, 8) < 0) {
        return NULL;
    }
    domain = domain_in(domain);
    if (tag == OPHIDIA_ENCODED_PID) {
        return pid_new(domain, (uint32_t)number, (uint32_t)(number >> 32));
    }
    PyObject *ref = ref_new();
    if (ref != NULL) {
        ((struct ref *)ref)->domain = domain;
        ((struct ref *)ref)->number = number;
    }
    return ref;
}

/* --- out ------------------------------------------------------------------------------------ */

static int
reserve(size_t more)
{
    if (outbox.len + more <= outbox.capacity) {
        return 0;
    }
    size_t capacity = outbox.capacity < 4096 ? 4096 : outbox.capacity;
    while (capacity < outbox.len + more) {
        capacity *= 2;
    }
    char *data = PyMem_RawRealloc(outbox.data, capacity);
    if (data == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    outbox.data = data;
    outbox.capacity = capacity;
    return 0;
}

int
post(enum ophidia_message kind, PyObject *pid, PyObject *content)
{
    static int is_posting;
    if (tasklets_domain == 0) {
        PyErr_Format(PyExc_ValueError, "%R lives in another interpreter, and this one is in no group with others", pid);
        return -1;
    }
    if (is_posting) {
        PyErr_SetString(PyExc_RuntimeError, "a message to another interpreter is sent while one is made");
        return -1;
    }
    const unsigned char *data;
    size_t len;
    is_posting = 1;
    int failed = value_encode(content, WANT_MESSAGE, &data, &len) < 0;
    is_posting = 0;
    if (failed) {
        return -1;
    }
    struct pid *to = (struct pid *)pid;
    uint32_t count = (uint32_t)(len - 4);
    uint64_t domain = domain_out(to->domain);
    unsigned char *head = (unsigned char *)data;
    memcpy(head, &count, 4);
    head[4] = (unsigned char)kind;
    memcpy(head + 5, &domain, 8);
    memcpy(head + 13, &to->index, 4);
    memcpy(head + 17, &to->generation, 4);
    if (outbox.len == 0 && len > KEPT) {
        /* A large one is not copied once more. */
        PyMem_RawFree(outbox.data);
        outbox.data = message_take(&outbox.capacity);
    }
    else {
        if (reserve(len) < 0) {
            return -1;
        }
        memcpy(outbox.data + outbox.len, data, len);
    }
    outbox.len += len;
    tasklets_tell(); /* the host takes it after a turn */
    return 0;
}

int
post_is_full(void)
{
    return outbox.len >= OPHIDIA_OUTBOX;
}

static PyObject *
is_full(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(unused))
{
    return PyBool_FromLong(post_is_full());
}

/* Where all lies that is to go, and how long it is. It stays there until it is told that it has gone. */
static PyObject *
outgoing(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(unused))
{
    return Py_BuildValue("(II)", (unsigned)(uintptr_t)outbox.data, (unsigned)outbox.len);
}

static PyObject *
gone(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(unused))
{
    outbox.len = 0;
    if (outbox.capacity > KEPT) {
        PyMem_RawFree(outbox.data);
        outbox.data = NULL;
        outbox.capacity = 0;
    }
    Py_RETURN_NONE;
}

/* room(bytes): where the host writes what has come. */
static PyObject *
room(PyObject *Py_UNUSED(self), PyObject *number)
{
    unsigned long size = PyLong_AsUnsignedLong(number);
    if (size == (unsigned long)-1 && PyErr_Occurred()) {
        return NULL;
    }
    if (size > inbox.capacity || inbox.capacity > KEPT) {
        PyMem_RawFree(inbox.data);
        inbox.capacity = 0;
        size_t capacity = size < KEPT ? KEPT : size;
        inbox.data = PyMem_RawMalloc(capacity);
        if (inbox.data == NULL) {
            return PyErr_NoMemory();
        }
        inbox.capacity = capacity;
    }
    return PyLong_FromUnsignedLong((unsigned long)(uintptr_t)inbox.data);
}

static PyObject *
post_(PyObject *Py_UNUSED(self), PyObject *args)
{
    PyObject *pid, *content;
    if (!PyArg_ParseTuple(args, "O!O:post", &pid_type, &pid, &content)
        || post(OPHIDIA_MESSAGE_CONTROL, pid, content) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* --- in ------------------------------------------------------------------------------------- */

static int
deliver_reply(struct process *process, PyObject *content)
{
    if (!PyTuple_CheckExact(content) || PyTuple_GET_SIZE(content) != 2
        || !Py_IS_TYPE(PyTuple_GET_ITEM(content, 0), &ref_type)) {
        return 0;
    }
    struct ref *ref = (struct ref *)PyTuple_GET_ITEM(content, 0);
    if (process->waits == WAITS_REPLY && process->asked == ref->number && ref->domain == 0) {
        process->asked = 0;
        process->given = Py_NewRef(PyTuple_GET_ITEM(content, 1));
        process_wake(process);
    }
    return 0;
}

/* One frame's value to whom it is for. Takes the reference. */
static int
deliver_one(uint8_t kind, uint64_t domain, uint32_t index, uint32_t generation, PyObject *content)
{
    if (kind == OPHIDIA_MESSAGE_CONTROL || index == THE_DOMAIN) {
        PyObject *pid = pid_new(domain_in(domain), index, generation);
        PyObject *done = pid == NULL ? NULL : PyObject_CallFunctionObjArgs(tasklets_hooks.control, pid, content, NULL);
        Py_XDECREF(pid);
        Py_XDECREF(done);
        Py_DECREF(content);
        return done == NULL ? -1 : 0;
    }
    struct process *process = process_at(index, generation);
    if (process == NULL) {
        Py_DECREF(content);
        return 0;
    }
    if (kind == OPHIDIA_MESSAGE_REPLY) {
        int failed = deliver_reply(process, content);
        Py_DECREF(content);
        return failed;
    }
    int is_urgent = kind == OPHIDIA_MESSAGE_URGENT;
    if (process->count >= process->most && !is_urgent) {
        Py_DECREF(content);
        PyErr_SetString(PyExc_BufferError, "a mailbox is full");
        return -1;
    }
    return mailbox_put(process, content, is_urgent);
}

/* deliver(bytes): as many of the room. Gives how many messages could not be, and the last reason. */
static PyObject *
deliver(PyObject *Py_UNUSED(self), PyObject *number)
{
    unsigned long len = PyLong_AsUnsignedLong(number);
    if (len == (unsigned long)-1 && PyErr_Occurred()) {
        return NULL;
    }
    /* What is delivered may run code, which may ask for another room. */
    struct box box = inbox;
    inbox = (struct box){0};
    const unsigned char *at = (const unsigned char *)box.data;
    const unsigned char *end = at + (len < box.capacity ? len : box.capacity);
    unsigned int refused = 0;
    PyObject *reason = NULL;
    while ((size_t)(end - at) >= OPHIDIA_MESSAGE_HEAD) {
        uint32_t count, index, generation;
        uint64_t domain;
        memcpy(&count, at, 4);
        memcpy(&domain, at + 5, 8);
        memcpy(&index, at + 13, 4);
        memcpy(&generation, at + 17, 4);
        if (count < OPHIDIA_MESSAGE_HEAD - 4 || count > (size_t)(end - at) - 4) {
            break;
        }
        PyObject *content;
        size_t len = count - (OPHIDIA_MESSAGE_HEAD - 4);
        if (value_decode(at + OPHIDIA_MESSAGE_HEAD, len, &content, 1, 0) != 1
            || deliver_one(at[4], domain, index, generation, content) < 0) {
            refused++;
            Py_XSETREF(reason, PyErr_GetRaisedException());
        }
        at += 4 + count;
    }
    if (inbox.data == NULL) {
        inbox = box;
    }
    else {
        PyMem_RawFree(box.data);
    }
    PyObject *told = Py_BuildValue("(IO)", refused, reason == NULL ? Py_None : reason);
    Py_XDECREF(reason);
    return told;
}

static PyObject *
set_domain(PyObject *Py_UNUSED(self), PyObject *number)
{
    unsigned long long domain = PyLong_AsUnsignedLongLong(number);
    if (domain == (unsigned long long)-1 && PyErr_Occurred()) {
        return NULL;
    }
    tasklets_domain = domain;
    Py_RETURN_NONE;
}

static PyObject *
own_domain(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(unused))
{
    return PyLong_FromUnsignedLongLong(tasklets_domain);
}

static PyObject *
make_pid(PyObject *Py_UNUSED(self), PyObject *args)
{
    unsigned long long domain;
    unsigned int index, generation;
    return PyArg_ParseTuple(args, "KII:make_pid", &domain, &index, &generation)
               ? pid_new(domain_in(domain), index, generation)
               : NULL;
}

static PyMethodDef methods[] = {
    {"outgoing", outgoing, METH_NOARGS, NULL},
    {"gone", gone, METH_NOARGS, NULL},
    {"room", room, METH_O, NULL},
    {"post", post_, METH_VARARGS, NULL},
    {"deliver", deliver, METH_O, NULL},
    {"set_domain", set_domain, METH_O, NULL},
    {"is_full", is_full, METH_NOARGS, NULL},
    {"own_domain", own_domain, METH_NOARGS, NULL},
    {"make_pid", make_pid, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

int
post_ready(PyObject *module)
{
    return PyModule_AddFunctions(module, methods);
}
