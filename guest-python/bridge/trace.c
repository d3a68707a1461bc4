/* What happens to tasklets, as lines of JSON, for a host that has asked for them. */
#include "tasklets.h"

#include <stdio.h>

/* Bytes that are kept until the host takes them; what comes then is left out, and counted. */
enum {
    MOST = 1 << 20,
    LINE = 1024,
    NAME = 200
};

int trace_is_on;

static struct {
    char *data;
    size_t len;
    unsigned long long left_out;
} traced;

/* A text of JSON without its quotes, as long as there is room. */
static void
append_text(char *line, size_t *len, PyObject *text)
{
    Py_ssize_t size = 0;
    const char *from = PyUnicode_AsUTF8AndSize(text, &size);
    if (from == NULL) {
        PyErr_Clear(); /* half of a pair of surrogates */
        from = "?";
        size = 1;
    }
    for (Py_ssize_t i = 0; i < size && i < NAME; i++) {
        unsigned char byte = (unsigned char)from[i];
        if (byte >= 0x80) {
            line[(*len)++] = '?'; /* a part of a character may be cut off */
        }
        else if (byte == '"' || byte == '\\') {
            line[(*len)++] = '\\';
            line[(*len)++] = (char)byte;
        }
        else {
            line[(*len)++] = byte < 0x20 ? ' ' : (char)byte;
        }
    }
}

static void
append_pid(char *line, size_t *len, const char *key, uint64_t domain, uint32_t index, uint32_t generation)
{
    *len += (size_t)snprintf(line + *len, 96, ",\"%s\":\"%llu.%u.%u\"", key,
                             (unsigned long long)(domain == 0 ? tasklets_domain : domain), (unsigned)index,
                             (unsigned)generation);
}

/* The one that runs, if any. */
static void
append_running(char *line, size_t *len, const char *key)
{
    if (tasklets_running != NULL) {
        append_pid(line, len, key, 0, tasklets_running->index, tasklets_running->generation);
    }
}

static size_t
begin(char *line, const char *event)
{
    PyTime_t now = 0;
    (void)PyTime_MonotonicRaw(&now);
    return (size_t)snprintf(line, 96, "{\"ns\":%lld,\"event\":\"%s\"", (long long)now, event);
}

static void
finish(char *line, size_t len)
{
    line[len++] = '}';
    line[len++] = '\n';
    if (traced.data == NULL) {
        traced.data = PyMem_RawMalloc(MOST);
    }
    if (traced.data == NULL || traced.len + len > MOST) {
        traced.left_out++;
        return;
    }
    memcpy(traced.data + traced.len, line, len);
    traced.len += len;
}

void
trace_spawn(struct process *process, PyObject *function)
{
    char line[LINE];
    size_t len = begin(line, "spawn");
    append_pid(line, &len, "pid", 0, process->index, process->generation);
    append_running(line, &len, "by");
    PyObject *name = NULL;
    if (PyFunction_Check(function)) {
        name = Py_NewRef(((PyFunctionObject *)function)->func_qualname);
    }
    else if (PyType_Check(function)) {
        name = PyType_GetQualName((PyTypeObject *)function);
    }
    if (name != NULL) {
        len += (size_t)snprintf(line + len, 16, ",\"function\":\"");
        append_text(line, &len, name);
        line[len++] = '"';
        Py_DECREF(name);
    }
    PyErr_Clear();
    finish(line, len);
}

void
trace_send(struct pid *to)
{
    char line[LINE];
    size_t len = begin(line, "send");
    append_running(line, &len, "pid");
    append_pid(line, &len, "to", to->domain, to->index, to->generation);
    finish(line, len);
}

void
trace_receive(struct process *process)
{
    char line[LINE];
    size_t len = begin(line, "receive");
    append_pid(line, &len, "pid", 0, process->index, process->generation);
    len += (size_t)snprintf(line + len, 48, ",\"waiting\":%u", (unsigned)process->count);
    finish(line, len);
}

void
trace_exit(struct process *process, PyObject *reason)
{
    char line[LINE];
    size_t len = begin(line, "exit");
    append_pid(line, &len, "pid", 0, process->index, process->generation);
    if (PyTuple_Check(reason) && PyTuple_GET_SIZE(reason) > 0) {
        reason = PyTuple_GET_ITEM(reason, 0);
    }
    PyObject *text = PyUnicode_Check(reason) ? Py_NewRef(reason) : PyType_GetQualName(Py_TYPE(reason));
    if (text != NULL) {
        len += (size_t)snprintf(line + len, 16, ",\"reason\":\"");
        append_text(line, &len, text);
        line[len++] = '"';
        Py_DECREF(text);
    }
    PyErr_Clear();
    finish(line, len);
}

static PyObject *
trace(PyObject *Py_UNUSED(self), PyObject *is_on)
{
    trace_is_on = PyObject_IsTrue(is_on);
    Py_RETURN_NONE;
}

/* traced(): where the lines lie that have come, how long they are, and how many were left out, all in all. They stay there until
   something is traced. */
static PyObject *
traced_(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(unused))
{
    size_t len = traced.len;
    traced.len = 0;
    return Py_BuildValue("(IIK)", (unsigned)(uintptr_t)traced.data, (unsigned)len, traced.left_out);
}

/* busiest(most): (pid, steps, messages that wait) of those that have made the most steps since this was asked last. */
static PyObject *
busiest(PyObject *Py_UNUSED(self), PyObject *number)
{
    enum {
        MOST_BUSY = 64
    };
    struct process *found[MOST_BUSY];
    Py_ssize_t most = PyLong_AsSsize_t(number), count = 0;
    if (most == -1 && PyErr_Occurred()) {
        return NULL;
    }
    most = most < 0 ? 0 : most > MOST_BUSY ? MOST_BUSY
                                           : most;
    uint32_t at = 0;
    for (struct process *one; (one = processes_next(&at)) != NULL;) {
        Py_ssize_t place = count;
        while (place > 0
               && (found[place - 1]->steps < one->steps
                   || (found[place - 1]->steps == one->steps && found[place - 1]->count < one->count))) {
            place--;
        }
        if (place == most) {
            continue;
        }
        count += count < most;
        memmove(found + place + 1, found + place, (size_t)(count - 1 - place) * sizeof *found);
        found[place] = one;
    }
    PyObject *list = PyList_New(count);
    for (Py_ssize_t i = 0; list != NULL && i < count; i++) {
        PyObject *item = Py_BuildValue("(OII)", found[i]->pid, (unsigned)found[i]->steps, (unsigned)found[i]->count);
        if (item == NULL) {
            Py_CLEAR(list);
            break;
        }
        PyList_SET_ITEM(list, i, item);
    }
    at = 0;
    for (struct process *one; (one = processes_next(&at)) != NULL;) {
        one->steps = 0;
    }
    return list;
}

static PyMethodDef methods[] = {
    {"trace", trace, METH_O, NULL},
    {"traced", traced_, METH_NOARGS, NULL},
    {"busiest", busiest, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

int
trace_ready(PyObject *module)
{
    return PyModule_AddFunctions(module, methods);
}
