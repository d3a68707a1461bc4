/* What a tasklet awaits: messages, times, replies, room. Each is an object whose `await` yields to the
   scheduler until it is there; generators yield tuples that mean the same. */

#define Py_BUILD_CORE 1
#include "awaits.h"
#include "internal/pycore_genobject.h"

static PyTypeObject await_type;

PyObject *tasklets_waiting;
uint32_t tasklets_patience;

PyObject *
await_new(enum kind kind, PyObject *pid, PyObject *content, PyObject *seconds)
{
    struct await *await = PyObject_GC_New(struct await, &await_type);
    if (await != NULL) {
        await->kind = kind;
        await->pid = Py_XNewRef(pid);
        await->content = Py_XNewRef(content);
        await->seconds = Py_XNewRef(seconds);
        PyObject_GC_Track(await);
    }
    return (PyObject *)await;
}

/* --- waiting -------------------------------------------------------------------------------- */

static void
time_out(void)
{
    PyErr_SetString(PyExc_TimeoutError, "nothing came in time");
}

/* Sets the time until which it waits: 1, or 0 when that is now; -1 with an exception set. */
static int
set_timer_at(struct process *process, PyTime_t when, double number)
{
    if (process->timer != NULL) {
        timer_free(process->timer);
        process->timer = NULL;
    }
    if (number == 0.0) {
        return 0;
    }
    struct timer *timer = timer_new(when);
    if (timer == NULL) {
        return -1;
    }
    timer->index = process->index;
    timer->generation = process->generation;
    process->timer = timer;
    return 1;
}

static int
set_timer(struct process *process, PyObject *seconds)
{
    PyTime_t when;
    double number;
    return timer_time(seconds, &when, &number) < 0 ? -1 : set_timer_at(process, when, number);
}

/* Waits, once the time has been set. */
static int
wait_until(struct process *process, enum waits waits, int timed)
{
    if (timed == 0) {
        time_out();
        /* Who asks again and again lets others run, too. */
        if (tasklets_patience > 0) {
            tasklets_patience--;
            return -1;
        }
        process->raised = PyErr_GetRaisedException();
        process->throws = process->is_generator && !process->is_inside;
        process->waits = WAITS_TURN;
        process_wake(process);
        return 0;
    }
    if (timed < 0) {
        return -1;
    }
    process->waits = waits;
    return 0;
}

static int
wait(struct process *process, enum waits waits, PyObject *seconds)
{
    return wait_until(process, waits, seconds == NULL ? 1 : set_timer(process, seconds));
}

static int
begin_message(struct process *process, PyObject *match, PyObject *seconds)
{
    Py_XSETREF(process->match, Py_XNewRef(match));
    int found = mailbox_poll(process);
    return found != 0 ? found : wait(process, WAITS_MESSAGE, seconds);
}

static int
begin_time(struct process *process, PyObject *seconds)
{
    int timed = set_timer(process, seconds);
    process->waits = timed == 0 ? WAITS_TURN : WAITS_TIME;
    if (timed == 0) {
        process_wake(process);
    }
    return timed < 0 ? -1 : 0;
}

static PyObject *
calling(PyObject *self, PyObject *ref, PyObject *request)
{
    PyObject *copy = message_copy(request);
    return copy == NULL ? NULL : Py_BuildValue("(s(OO)N)", "$call", self, ref, copy);
}

static void
raise_gone(PyObject *pid, const char *reason)
{
    PyObject *error = PyObject_CallFunction(tasklets_hooks.gone, "Os", pid, reason);
    if (error != NULL) {
        PyErr_SetRaisedException(error);
    }
}

static void
stop_waiting(struct process *process)
{
    process->waits = WAITS_NOTHING;
    if (process->timer != NULL) {
        timer_free(process->timer);
        process->timer = NULL;
    }
}

static int
begin_reply(struct process *process, PyObject *to, PyObject *request, PyObject *seconds)
{
    PyTime_t when = 0;
    double number = 0.0;
    if (seconds != NULL && timer_time(seconds, &when, &number) < 0) {
        return -1; /* before anything is sent */
    }
    PyObject *pid = tasklets_pid(to), *ref = pid == NULL ? NULL : ref_new(), *content = NULL;
    struct process *other = NULL;
    int failed = ref == NULL || (content = calling(process->pid, ref, request)) == NULL;
    if (!failed && ((struct pid *)pid)->domain == 0) {
        other = process_of(pid);
        if (other == process) {
            PyErr_SetString(PyExc_RuntimeError, "a tasklet that calls itself would wait for ever");
            failed = 1;
        }
        else if (other == NULL) {
            raise_gone(pid, "noproc");
            failed = 1;
        }
    }
    if (!failed) {
        process->asked = ((struct ref *)ref)->number;
        failed = tasklets_send(pid, content, SENDING) < 0;
    }
    if (!failed) {
        int timed = seconds == NULL ? 1 : set_timer_at(process, when, number);
        failed = wait_until(process, WAITS_REPLY, timed) < 0;
    }
    if (!failed && ((struct pid *)pid)->domain != 0) {
        PyObject *done = PyObject_CallFunction(tasklets_hooks.calls, "OOK", process->pid, pid,
                                               (unsigned long long)((struct ref *)ref)->number);
        failed = done == NULL;
        Py_XDECREF(done);
        if (failed) {
            stop_waiting(process);
        }
    }
    /* Sending may have run code, which may have ended it. */
    if (!failed && other != NULL) {
        if (process_of(pid) == other) {
            line_join(&other->callers, process);
        }
        else {
            stop_waiting(process);
            raise_gone(pid, "noproc");
            failed = 1;
        }
    }
    Py_XDECREF(content);
    Py_XDECREF(ref);
    Py_XDECREF(pid);
    return failed ? -1 : 0;
}

/* Sends, or waits for room; before others, where it waits already. */
int
await_room(struct process *process, PyObject *to, PyObject *content, int again)
{
    PyObject *pid = tasklets_pid(to);
    if (pid == NULL) {
        return -1;
    }
    struct process *other = process_of(pid);
    int has_room = other == NULL || other->count < other->most;
    if (!has_room && other == process) {
        has_room = 1; /* and is refused: it would wait for itself */
    }
    int done = has_room ? (tasklets_send(pid, content, SENDING) < 0 ? -1 : 1) : 0;
    if (done != 0) {
        if (done > 0) {
            process->given = Py_NewRef(Py_None);
        }
        /* Whether or not it could be sent: the next one has its turn. */
        other = process_of(pid);
        if (other != NULL && other->writers.first != NULL && other->count < other->most) {
            process_wake(other->writers.first);
        }
    }
    else if (done == 0) {
        PyObject *later = PyTuple_Pack(2, pid, content);
        if (later == NULL) {
            done = -1;
        }
        else {
            Py_XSETREF(process->match, later);
            process->waits = WAITS_ROOM;
            (again ? line_join_first : line_join)(&other->writers, process);
        }
    }
    Py_DECREF(pid);
    return done;
}

/* 1 when it is there, in `given`; 0 when the process waits; -1 with an exception set. */
int
await_begin(struct process *process, struct await *await)
{
    if (process->is_over && await->kind != SENT) {
        PyErr_SetString(PyExc_RuntimeError, "a tasklet that has ended awaits nothing any more");
        return -1;
    }
    switch (await->kind) {
    case NEXT:
        if (mailbox_skip(process) < 0) {
            return -1;
        }
        return begin_message(process, await->content, await->seconds);
    case MESSAGE:
        process->from = &process->first;
        return begin_message(process, await->content, await->seconds);
    case TURN:
    case BECOME:
        process->waits = WAITS_TURN;
        process_wake(process);
        return 0;
    case TIME:
        return begin_time(process, await->seconds);
    case REPLY:
        return begin_reply(process, await->pid, await->content, await->seconds);
    case ROOM:
        return await_room(process, await->pid, await->content, 0);
    case SENT:
        process->given = Py_NewRef(Py_None);
        return 1;
    }
    return -1;
}

int
awaits_over(struct process *process)
{
    int over = 1;
    switch (process->waits) {
    case WAITS_NOTHING:
        return 1;
    case WAITS_MESSAGE:
        over = mailbox_poll(process);
        break;
    case WAITS_TIME:
    case WAITS_FUTURE:
        over = process->has_come;
        break;
    case WAITS_TURN:
        break;
    case WAITS_REPLY:
        over = process->given != NULL || process->raised != NULL;
        break;
    case WAITS_ROOM: {
        PyObject *later = process->match;
        process->match = NULL;
        line_leave(process);
        over = await_room(process, PyTuple_GET_ITEM(later, 0), PyTuple_GET_ITEM(later, 1), 1);
        Py_DECREF(later);
        break;
    }
    }
    if (over == 0 && (!process->has_come || process->waits == WAITS_ROOM)) {
        return 0;
    }
    if (over == 0) {
        time_out();
    }
    if ((process->waits == WAITS_TIME || process->waits == WAITS_TURN) && process->given == NULL
        && process->raised == NULL) {
        process->given = Py_NewRef(Py_None);
    }
    line_leave(process);
    if (process->timer != NULL) {
        timer_free(process->timer);
        process->timer = NULL;
    }
    process->asked = 0;
    process->has_come = 0;
    process->waits = WAITS_NOTHING;
    Py_CLEAR(process->match);
    if (PyErr_Occurred()) {
        Py_XSETREF(process->raised, PyErr_GetRaisedException());
        process->throws = process->is_generator && !process->is_inside;
    }
    return 1;
}

static PySendResult
await_send(PyObject *self, PyObject *Py_UNUSED(value), PyObject **result)
{
    struct process *process = tasklets_running;
    *result = NULL;
    if (process == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "only a tasklet can await this: begin with tasklets.run(main)");
        return PYGEN_ERROR;
    }
    if (process->raised != NULL) {
        PyErr_SetRaisedException(process->raised);
        process->raised = NULL;
        return PYGEN_ERROR;
    }
    if (process->given == NULL) {
        int there = await_begin(process, (struct await *)self);
        if (there < 0) {
            return PYGEN_ERROR;
        }
        if (there && tasklets_patience > 0) {
            tasklets_patience--;
        }
        else {
            if (there) {
                process->waits = WAITS_TURN;
                process_wake(process);
            }
            *result = Py_NewRef(tasklets_waiting);
            return PYGEN_NEXT;
        }
    }
    *result = process->given;
    process->given = NULL;
    return PYGEN_RETURN;
}

static PyObject *
await_next(PyObject *self)
{
    PyObject *result;
    PySendResult sent_to = await_send(self, Py_None, &result);
    if (sent_to != PYGEN_RETURN) {
        return result;
    }
    _PyGen_SetStopIterationValue(result);
    Py_DECREF(result);
    return NULL;
}

static int
await_traverse(PyObject *self, visitproc visit, void *arg)
{
    struct await *await = (struct await *)self;
    Py_VISIT(await->pid);
    Py_VISIT(await->content);
    Py_VISIT(await->seconds);
    return 0;
}

static int
await_clear(PyObject *self)
{
    struct await *await = (struct await *)self;
    Py_CLEAR(await->pid);
    Py_CLEAR(await->content);
    Py_CLEAR(await->seconds);
    return 0;
}

static void
await_dealloc(PyObject *self)
{
    PyObject_GC_UnTrack(self);
    await_clear(self);
    PyObject_GC_Del(self);
}

static PyAsyncMethods await_async = {.am_await = PyObject_SelfIter, .am_send = await_send};

static PyTypeObject await_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "ophidia.tasklets.Awaitable",
    .tp_doc = "What a tasklet awaits.",
    .tp_basicsize = sizeof(struct await),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = await_dealloc,
    .tp_traverse = await_traverse,
    .tp_clear = await_clear,
    .tp_iter = PyObject_SelfIter,
    .tp_iternext = await_next,
    .tp_as_async = &await_async,
};

int
await_type_ready(void)
{
    tasklets_waiting = PyObject_CallNoArgs((PyObject *)&PyBaseObject_Type);
    return tasklets_waiting == NULL || PyType_Ready(&await_type) < 0 ? -1 : 0;
}
