/* Messages: copies of what could change, and patterns. */

#include "tasklets.h"

int
message_is_array(PyObject *content)
{
    for (const struct package *const *package = bridge_packages; *package != NULL; package++) {
        if ((*package)->is_array != NULL && (*package)->is_array(content)) {
            return 1;
        }
    }
    return 0;
}

/* Containers that are looked at before those already seen are remembered: most messages are small. */
#define MANY 1024

struct copying {
    uint32_t looked;
    PyObject *seen; /* by address: a container and its copy */
};

static PyObject *copy(struct copying *copying, PyObject *content);

static int
changed(PyObject *content)
{
    PyErr_Format(PyExc_RuntimeError, "a %s changed size while it was sent", Py_TYPE(content)->tp_name);
    return -1;
}

static PyObject *
copy_list(struct copying *copying, PyObject *content)
{
    Py_ssize_t count = PyList_GET_SIZE(content);
    PyObject *list = PyList_New(count);
    for (Py_ssize_t i = 0; list != NULL && i < count; i++) {
        PyObject *item = i < PyList_GET_SIZE(content) ? Py_NewRef(PyList_GET_ITEM(content, i)) : NULL;
        PyObject *copied = item == NULL ? NULL : copy(copying, item);
        Py_XDECREF(item);
        if (copied == NULL) {
            if (item == NULL) {
                changed(content);
            }
            Py_CLEAR(list);
        }
        else {
            PyList_SET_ITEM(list, i, copied);
        }
    }
    return list;
}

/* The tuple itself, where nothing in it can change. */
static PyObject *
copy_tuple(struct copying *copying, PyObject *content)
{
    Py_ssize_t count = PyTuple_GET_SIZE(content);
    PyObject *tuple = NULL;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *item = PyTuple_GET_ITEM(content, i);
        PyObject *copied = copy(copying, item);
        if (copied != NULL && copied != item && tuple == NULL && (tuple = PyTuple_New(count)) != NULL) {
            for (Py_ssize_t j = 0; j < i; j++) {
                PyTuple_SET_ITEM(tuple, j, Py_NewRef(PyTuple_GET_ITEM(content, j)));
            }
        }
        if (copied == NULL || (copied != item && tuple == NULL)) {
            Py_XDECREF(copied);
            Py_XDECREF(tuple);
            return NULL;
        }
        if (tuple == NULL) {
            Py_DECREF(copied);
        }
        else {
            PyTuple_SET_ITEM(tuple, i, copied);
        }
    }
    return tuple == NULL ? Py_NewRef(content) : tuple;
}

static PyObject *
copy_dict(struct copying *copying, PyObject *content)
{
    PyObject *dict = PyDict_New(), *key, *item;
    Py_ssize_t position = 0, count = PyDict_GET_SIZE(content);
    while (dict != NULL && PyDict_Next(content, &position, &key, &item)) {
        /* Keys that can change are of the program's own classes, whose code may run. */
        Py_INCREF(key);
        Py_INCREF(item);
        PyObject *copied = copy(copying, item);
        if (copied == NULL || PyDict_SetItem(dict, key, copied) < 0
            || (PyDict_GET_SIZE(content) != count && changed(content) < 0)) {
            Py_CLEAR(dict);
        }
        Py_XDECREF(copied);
        Py_DECREF(item);
        Py_DECREF(key);
    }
    return dict;
}

static PyObject *
copy_container(struct copying *copying, PyObject *content)
{
    if (PyTuple_CheckExact(content)) {
        return copy_tuple(copying, content);
    }
    if (PyList_CheckExact(content)) {
        return copy_list(copying, content);
    }
    return copy_dict(copying, content);
}

static PyObject *
copy_seen(struct copying *copying, PyObject *content)
{
    PyObject *address = PyLong_FromVoidPtr(content), *seen = NULL;
    if (address == NULL || (copying->seen == NULL && (copying->seen = PyDict_New()) == NULL)
        || PyDict_GetItemRef(copying->seen, address, &seen) < 0) {
        Py_XDECREF(address);
        return NULL;
    }
    PyObject *copied;
    if (seen != NULL) {
        copied = Py_NewRef(PyTuple_GET_ITEM(seen, 1));
    }
    else if ((copied = copy_container(copying, content)) != NULL) {
        seen = PyTuple_Pack(2, content, copied);
        if (seen == NULL || PyDict_SetItem(copying->seen, address, seen) < 0) {
            Py_CLEAR(copied);
        }
    }
    Py_XDECREF(seen);
    Py_DECREF(address);
    return copied;
}

static PyObject *
copy(struct copying *copying, PyObject *content)
{
    PyTypeObject *type = Py_TYPE(content);
    if (type == &PyUnicode_Type || type == &PyLong_Type || type == &pid_type) {
        return Py_NewRef(content);
    }
    if (type == &PySet_Type) {
        return PySet_New(content);
    }
    if (type == &PyByteArray_Type) {
        return PyByteArray_FromObject(content);
    }
    if (type != &PyTuple_Type && type != &PyList_Type && type != &PyDict_Type) {
        return message_is_array(content) ? PyObject_CallMethod(content, "copy", NULL) : Py_NewRef(content);
    }
    if (Py_EnterRecursiveCall(" in a message: it is nested too deeply, or contains itself") != 0) {
        return NULL;
    }
    PyObject *copied = copying->looked++ < MANY ? copy_container(copying, content) : copy_seen(copying, content);
    Py_LeaveRecursiveCall();
    return copied;
}

PyObject *
message_copy(PyObject *content)
{
    struct copying copying = {0, NULL};
    PyObject *copied = copy(&copying, content);
    Py_XDECREF(copying.seen);
    return copied;
}

/* --- patterns ------------------------------------------------------------------------------- */

static int
matches_items(PyObject *pattern, PyObject *content)
{
    Py_ssize_t count = PySequence_Fast_GET_SIZE(pattern);
    int found = PySequence_Fast_GET_SIZE(content) == count;
    for (Py_ssize_t i = 0; found == 1 && i < count && i < PySequence_Fast_GET_SIZE(content)
                           && i < PySequence_Fast_GET_SIZE(pattern);
         i++) {
        PyObject *part = Py_NewRef(PySequence_Fast_GET_ITEM(pattern, i));
        PyObject *item = Py_NewRef(PySequence_Fast_GET_ITEM(content, i));
        found = message_matches(part, item);
        Py_DECREF(item);
        Py_DECREF(part);
    }
    return found;
}

static int
matches_dict(PyObject *pattern, PyObject *content)
{
    PyObject *key, *part, *item;
    Py_ssize_t position = 0;
    int found = 1;
    while (found == 1 && PyDict_Next(pattern, &position, &key, &part)) {
        Py_INCREF(key);
        Py_INCREF(part);
        found = PyDict_GetItemRef(content, key, &item);
        if (found == 1) {
            found = message_matches(part, item);
            Py_DECREF(item);
        }
        Py_DECREF(part);
        Py_DECREF(key);
    }
    return found;
}

static int
matches_call(PyObject *predicate, PyObject *content)
{
    PyObject *said = PyObject_CallOneArg(predicate, content);
    int found = said == NULL ? -1 : PyObject_IsTrue(said);
    Py_XDECREF(said);
    return found;
}

int
message_matches(PyObject *pattern, PyObject *content)
{
    if (pattern == Py_Ellipsis) {
        return 1;
    }
    if (PyFunction_Check(pattern)) {
        return matches_call(pattern, content);
    }
    if (PyTuple_CheckExact(pattern) || PyList_CheckExact(pattern) || PyDict_CheckExact(pattern)) {
        if (!(PyTuple_CheckExact(pattern)  ? PyTuple_Check(content)
              : PyList_CheckExact(pattern) ? PyList_Check(content)
                                           : PyDict_Check(content))) {
            return 0;
        }
        if (Py_EnterRecursiveCall(" in a pattern") != 0) {
            return -1;
        }
        int found = PyDict_Check(pattern) ? matches_dict(pattern, content)
                                          : matches_items(pattern, content);
        Py_LeaveRecursiveCall();
        return found;
    }
    if (PyType_Check(pattern)) {
        return PyObject_IsInstance(content, pattern);
    }
    if (message_is_array(pattern) || (message_is_array(content) && !PyCallable_Check(pattern))) {
        return pattern == content;
    }
    if (Py_IS_TYPE(pattern, &pid_type) || !PyCallable_Check(pattern)) {
        return PyObject_RichCompareBool(content, pattern, Py_EQ);
    }
    return matches_call(pattern, content);
}
