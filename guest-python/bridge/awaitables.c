/* What makes awaitables: the functions of the module, and the tuples that generators yield instead. */

#include "awaits.h"

static PyObject *any_message, *next_message, *turn, *becoming, *sent;

static PyObject *
some_or_null(PyObject *value)
{
    return value == Py_None ? NULL : value;
}

static PyObject *
receive(PyObject *Py_UNUSED(self), PyObject *args, PyObject *keywords)
{
    static char *names[] = {"match", "timeout", NULL};
    PyObject *match = NULL, *seconds = NULL;
    if (PyTuple_GET_SIZE(args) == 0 && keywords == NULL) {
        return Py_NewRef(any_message);
    }
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|OO:receive", names, &match, &seconds)) {
        return NULL;
    }
    return await_new(MESSAGE, NULL, some_or_null(match), some_or_null(seconds));
}

static PyObject *
next_msg(PyObject *Py_UNUSED(self), PyObject *args, PyObject *keywords)
{
    static char *names[] = {"match", "timeout", NULL};
    PyObject *match = NULL, *seconds = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|OO:next_msg", names, &match, &seconds)) {
        return NULL;
    }
    return await_new(NEXT, NULL, some_or_null(match), some_or_null(seconds));
}

static PyObject *
yield_(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(unused))
{
    return Py_NewRef(turn);
}

static PyObject *
sleep_(PyObject *Py_UNUSED(self), PyObject *seconds)
{
    PyTime_t when;
    double number;
    return timer_time(seconds, &when, &number) < 0 ? NULL : await_new(TIME, NULL, NULL, seconds);
}

static PyObject *
call(PyObject *Py_UNUSED(self), PyObject *args, PyObject *keywords)
{
    static char *names[] = {"pid", "request", "timeout", NULL};
    PyObject *pid, *request, *seconds = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OO|O:call", names, &pid, &request, &seconds)) {
        return NULL;
    }
    if (seconds == NULL) {
        PyObject *five = PyFloat_FromDouble(5.0);
        PyObject *await = five == NULL ? NULL : await_new(REPLY, pid, request, five);
        Py_XDECREF(five);
        return await;
    }
    return await_new(REPLY, pid, request, some_or_null(seconds));
}

static PyObject *
put(PyObject *Py_UNUSED(self), PyObject *args)
{
    PyObject *pid, *content;
    return PyArg_ParseTuple(args, "OO:put", &pid, &content) ? await_new(ROOM, pid, content, NULL) : NULL;
}

static PyObject *
send_(PyObject *Py_UNUSED(self), PyObject *const *args, Py_ssize_t count, PyObject *keywords)
{
    int is_urgent = 0;
    if (keywords != NULL && PyTuple_GET_SIZE(keywords) > 0) {
        if (PyTuple_GET_SIZE(keywords) != 1
            || !PyUnicode_EqualToUTF8(PyTuple_GET_ITEM(keywords, 0), "priority")) {
            PyErr_SetString(PyExc_TypeError, "send(pid, message, *, priority=False)");
            return NULL;
        }
        is_urgent = PyObject_IsTrue(args[count]);
    }
    if (count != 2) {
        PyErr_Format(PyExc_TypeError, "send() takes a pid and a message, %zd arguments were given", count);
        return NULL;
    }
    return is_urgent < 0 || tasklets_send(args[0], args[1], is_urgent ? URGENTLY : SENDING) < 0 ? NULL : Py_NewRef(sent);
}

/* The one that runs, or NULL with an exception set. */
static struct process *
running(const char *what)
{
    if (tasklets_running == NULL) {
        PyErr_Format(PyExc_RuntimeError, "%s is for tasklets: begin with tasklets.run(main)", what);
    }
    return tasklets_running;
}

static PyObject *
become(PyObject *Py_UNUSED(self), PyObject *args)
{
    struct process *process = running("become()");
    if (process == NULL) {
        return NULL;
    }
    if (PyTuple_GET_SIZE(args) == 0 || !PyCallable_Check(PyTuple_GET_ITEM(args, 0))) {
        PyErr_SetString(PyExc_TypeError, "become() takes a function and its arguments");
        return NULL;
    }
    Py_XSETREF(process->begins, Py_NewRef(args));
    return Py_NewRef(becoming);
}

static PyObject *
self_(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(unused))
{
    struct process *process = running("self_()");
    return process == NULL ? NULL : Py_NewRef(process->pid);
}

/* --- the protocol of generators ------------------------------------------------------------- */

/* Arguments of a state, by number; NULL where there are fewer. */
static PyObject *
argument(PyObject *yielded, Py_ssize_t number)
{
    return PyTuple_GET_SIZE(yielded) > number ? PyTuple_GET_ITEM(yielded, number) : NULL;
}

static int
give(struct process *process, PyObject *value)
{
    process->given = value;
    return value == NULL ? -1 : 1;
}

static int
wrong_state(PyObject *yielded)
{
    PyErr_Format(PyExc_RuntimeError,
                 "a tasklet yielded %.200R: it yields tuples that begin with 'spawn', 'send', 'recv', 'become', "
                 "'next_msg', 'die' or 'yield', and their arguments",
                 yielded);
    return -1;
}

int
awaits_state(struct process *process, PyObject *yielded)
{
    PyObject *state = PyTuple_CheckExact(yielded) ? argument(yielded, 0) : NULL;
    if (state == NULL || !PyUnicode_Check(state)) {
        return wrong_state(yielded);
    }
    PyObject *first = argument(yielded, 1), *second = argument(yielded, 2);
    if (PyUnicode_EqualToUTF8(state, "send") && second != NULL) {
        return await_room(process, first, second, 0);
    }
    if (PyUnicode_EqualToUTF8(state, "recv") || PyUnicode_EqualToUTF8(state, "next_msg")) {
        struct await await = {.kind = PyUnicode_EqualToUTF8(state, "recv") ? MESSAGE : NEXT};
        await.content = first == NULL ? NULL : some_or_null(first);
        await.seconds = second == NULL ? NULL : some_or_null(second);
        return await_begin(process, &await);
    }
    if (PyUnicode_EqualToUTF8(state, "spawn") && first != NULL) {
        PyObject *begins = PyTuple_GetSlice(yielded, 1, PyTuple_GET_SIZE(yielded));
        PyObject *pid = begins == NULL ? NULL : tasklets_spawn(begins);
        Py_XDECREF(begins);
        return give(process, pid);
    }
    if (PyUnicode_EqualToUTF8(state, "become") && first != NULL) {
        PyObject *begins = PyTuple_GetSlice(yielded, 1, PyTuple_GET_SIZE(yielded));
        PyObject *done = begins == NULL ? NULL : become(NULL, begins);
        Py_XDECREF(begins);
        return done == NULL ? -1 : (Py_DECREF(done), await_begin(process, (struct await *)becoming));
    }
    if (PyUnicode_EqualToUTF8(state, "yield")) {
        return await_begin(process, (struct await *)turn);
    }
    if (PyUnicode_EqualToUTF8(state, "die")) {
        if (process->doom == NULL) {
            process->doom = first == NULL ? PyUnicode_InternFromString("normal") : Py_NewRef(first);
        }
        return process->doom == NULL ? -1 : 0;
    }
    return wrong_state(yielded);
}

static PyMethodDef methods[] = {
    {"receive", (PyCFunction)(void (*)(void))receive, METH_VARARGS | METH_KEYWORDS,
     "receive($module, match=None, timeout=None, /)\n--\n\nAwaits the first message that matches, or the first."},
    {"next_msg", (PyCFunction)(void (*)(void))next_msg, METH_VARARGS | METH_KEYWORDS,
     "Puts the last message back in its place, and awaits one of those behind it."},
    {"yield_", yield_, METH_NOARGS, "Awaits the next turn: all others that can run do so first."},
    {"sleep", sleep_, METH_O, "Awaits a time, in seconds."},
    {"call", (PyCFunction)(void (*)(void))call, METH_VARARGS | METH_KEYWORDS,
     "call(pid, request, timeout=5.0): awaits what a process replies."},
    {"put", put, METH_VARARGS, "put(pid, message): sends it; awaits room where the mailbox is full."},
    {"send", (PyCFunction)(void (*)(void))send_, METH_FASTCALL | METH_KEYWORDS,
     "send(pid, message, *, priority=False): may be awaited, and need not be."},
    {"become", become, METH_VARARGS, "become(function, *arguments): goes on as that, with pid and mailbox."},
    {"self_", self_, METH_NOARGS, "The pid of the tasklet that runs."},
    {NULL, NULL, 0, NULL},
};

int
awaits_ready(PyObject *module)
{
    if (await_type_ready() < 0 || PyModule_AddFunctions(module, methods) < 0) {
        return -1;
    }
    any_message = await_new(MESSAGE, NULL, NULL, NULL);
    next_message = await_new(NEXT, NULL, NULL, NULL);
    turn = await_new(TURN, NULL, NULL, NULL);
    becoming = await_new(BECOME, NULL, NULL, NULL);
    sent = await_new(SENT, NULL, NULL, NULL);
    return any_message == NULL || next_message == NULL || turn == NULL || becoming == NULL
                   || sent == NULL
               ? -1
               : 0;
}
