/* Tasklets: who runs when. */

#define Py_BUILD_CORE 1
#include "tasklets.h"
#include "internal/pycore_genobject.h"

#define PATIENCE 64 /* waits that are over at once, before others have their turn */

struct tasklets_counts tasklets_counts;
struct tasklets_hooks tasklets_hooks;

static struct process *first_ready, **last_ready = &first_ready;

static int is_running;

/* What ends the loop: an interruption, an exit of the whole program. */
static PyObject *escaped;

static PyObject *normal; /* the text */

void
tasklets_tell(void)
{
    if (is_running || tasklets_hooks.wake == NULL) {
        return;
    }
    PyObject *exception = PyErr_GetRaisedException();
    PyObject *done = PyObject_CallNoArgs(tasklets_hooks.wake);
    if (done == NULL) {
        PyErr_WriteUnraisable(tasklets_hooks.wake);
    }
    Py_XDECREF(done);
    PyErr_SetRaisedException(exception);
}

void
process_wake(struct process *process)
{
    if (process->is_queued) {
        return;
    }
    process->is_queued = 1;
    process->next = NULL;
    *last_ready = process;
    last_ready = &process->next;
    tasklets_tell();
}

static struct process *
next_ready(void)
{
    struct process *process = first_ready;
    if (process != NULL) {
        first_ready = process->next;
        if (first_ready == NULL) {
            last_ready = &first_ready;
        }
        process->is_queued = 0;
    }
    return process;
}

/* --- room ---------------------------------------------------------------------------------- */

/* Given up when a tasklet ends for want of memory, so that its end can be told and the others go on; taken again when
   there is as much besides. */
#define KEPT (512u << 10)

static void *kept;

static void
keep_room(void)
{
    if (kept == NULL && (kept = PyMem_RawMalloc(2 * KEPT)) != NULL) {
        kept = PyMem_RawRealloc(kept, KEPT);
    }
}

static void
give_room(void)
{
    PyMem_RawFree(kept);
    kept = NULL;
}

/* --- ends ---------------------------------------------------------------------------------- */

int
tasklets_escape(PyObject *error)
{
    if (!interrupt_is_asked(error) && !PyErr_GivenExceptionMatches(error, PyExc_KeyboardInterrupt)
        && !PyErr_GivenExceptionMatches(error, PyExc_SystemExit)) {
        return 0;
    }
    Py_XSETREF(escaped, Py_NewRef(error));
    tasklets_tell();
    return 1;
}

/* Ends what has raised: that of the whole program goes further. */
static void
end_raised(struct process *process)
{
    PyObject *error = PyErr_GetRaisedException();
    process->is_active = 0;
    if (PyErr_GivenExceptionMatches(error, PyExc_MemoryError)) {
        give_room();
    }
    tasklets_escape(error);
    tasklets_running = NULL;
    PyObject *doom = process->doom;
    process->doom = NULL;
    if (process_end(process, doom != NULL ? doom : error, NULL) < 0) {
        Py_XSETREF(escaped, PyErr_GetRaisedException());
    }
    Py_XDECREF(doom);
    Py_DECREF(error);
}

static void
end_with(struct process *process, PyObject *reason, PyObject *result)
{
    tasklets_running = NULL;
    process->is_active = 0;
    if (process_end(process, reason, result) < 0) {
        Py_XSETREF(escaped, PyErr_GetRaisedException());
    }
    Py_XDECREF(result);
}

/* Ends it if somebody has said so meanwhile. */
static int
end_doomed(struct process *process, PyObject *result)
{
    PyObject *doom = process->doom;
    if (doom == NULL) {
        return 0;
    }
    process->doom = NULL;
    end_with(process, doom, result);
    Py_DECREF(doom);
    return 1;
}

/* --- steps ---------------------------------------------------------------------------------- */

/* Starts what it begins as: 1; 0 when that has ended already, with its result; -1 with an exception set. */
static int
start(struct process *process, PyObject **result)
{
    PyObject *begins = process->begins;
    process->begins = NULL;
    process_close(process);
    PyObject *const *items = ((PyTupleObject *)begins)->ob_item;
    PyObject *program = PyObject_Vectorcall(items[0], items + 1, (size_t)PyTuple_GET_SIZE(begins) - 1, NULL);
    Py_DECREF(begins);
    if (program == NULL) {
        return -1;
    }
    if (!PyCoro_CheckExact(program) && !PyGen_CheckExact(program)) {
        PyObject *own;
        int found = PyObject_GetOptionalAttrString(program, "__tasklet__", &own);
        if (found == 0 && PyAsyncGen_CheckExact(program)) {
            PyErr_SetString(PyExc_TypeError, "an async generator is no tasklet: an async function, or a generator, is");
            found = -1;
        }
        if (found < 0) {
            Py_DECREF(program);
            return -1;
        }
        if (found == 0 && (Py_TYPE(program)->tp_as_async == NULL || Py_TYPE(program)->tp_as_async->am_await == NULL)) {
            *result = program;
            return 0;
        }
        Py_SETREF(program, found == 0 ? PyObject_CallOneArg(tasklets_hooks.awaited, program) : PyObject_CallNoArgs(own));
        Py_XDECREF(own);
        if (program != NULL && !PyCoro_CheckExact(program) && !PyGen_CheckExact(program)) {
            PyErr_Format(PyExc_TypeError, "__tasklet__ gave a %.200s, no coroutine or generator",
                         Py_TYPE(program)->tp_name);
            Py_CLEAR(program);
        }
        if (program == NULL) {
            return -1;
        }
    }
    process->program = program;
    process->is_generator = PyGen_CheckExact(program);
    return 1;
}

/* Lets it go on with what it waited for. */
static PySendResult
resume(struct process *process, PyObject **result)
{
    PyObject *program = Py_NewRef(process->program);
    PySendResult ended;
    if (process->raised != NULL && process->throws) {
        PyObject *raised = process->raised;
        process->raised = NULL;
        process->throws = 0;
        *result = PyObject_CallMethod(program, "throw", "O", raised);
        Py_DECREF(raised);
        if (*result != NULL) {
            ended = PYGEN_NEXT;
        }
        else {
            ended = _PyGen_FetchStopIterationValue(result) == 0 ? PYGEN_RETURN : PYGEN_ERROR;
        }
    }
    else if (process->is_generator && process->given != NULL && !process->is_inside) {
        PyObject *given = process->given;
        process->given = NULL;
        ended = PyIter_Send(program, given, result);
        Py_DECREF(given);
    }
    else {
        ended = PyIter_Send(program, Py_None, result);
    }
    Py_DECREF(program);
    return ended;
}

/* Waits for what it has yielded: 1 when it is there, or raised; 0 when it waits. */
static int
yielded(struct process *process, PyObject *value)
{
    int there;
    process->is_inside = value == tasklets_waiting;
    if (value == tasklets_waiting) {
        there = 0;
    }
    else if (process->is_generator) {
        there = awaits_state(process, value);
        if (there > 0 && tasklets_patience > 0) {
            tasklets_patience--;
        }
        else if (there > 0) {
            process->waits = WAITS_TURN;
            process_wake(process);
            there = 0;
        }
    }
    else if (value == Py_None) {
        process_wake(process);
        there = 0;
    }
    else {
        process->waits = WAITS_FUTURE;
        PyObject *done = PyObject_CallFunctionObjArgs(tasklets_hooks.foreign, process->pid, value, NULL);
        there = done == NULL ? -1 : 0;
        Py_XDECREF(done);
    }
    if (there < 0) {
        process->waits = WAITS_NOTHING;
        process->raised = PyErr_GetRaisedException();
        process->throws = 1;
        there = 1;
    }
    return there;
}

static void
go_on(struct process *process)
{
    tasklets_running = process;
    tasklets_patience = PATIENCE;
    for (;;) {
        PyObject *result = NULL;
        if (process->begins != NULL) {
            int started = start(process, &result);
            if (started < 0) {
                end_raised(process);
                return;
            }
            if (started == 0 && (process->begins == NULL || process->doom != NULL)) {
                if (!end_doomed(process, result)) {
                    end_with(process, normal, result);
                }
                return;
            }
            Py_CLEAR(result);
            Py_CLEAR(process->given);
            if (started == 0) {
                continue;
            }
        }
        PySendResult ended = resume(process, &result);
        if (ended == PYGEN_ERROR) {
            end_raised(process);
            return;
        }
        if (ended == PYGEN_RETURN) {
            if (process->begins != NULL && process->doom == NULL) {
                Py_DECREF(result);
                Py_CLEAR(process->program);
                continue;
            }
            Py_CLEAR(process->program);
            if (!end_doomed(process, result)) {
                end_with(process, normal, result);
            }
            return;
        }
        int there = yielded(process, result);
        Py_DECREF(result);
        if (end_doomed(process, NULL)) {
            return;
        }
        if (!there) {
            tasklets_running = NULL;
            process->is_active = 0;
            return;
        }
    }
}

static void
step(struct process *process)
{
    if (process->is_dead) {
        process_free(process);
        return;
    }
    if (!interrupt_is_asked(process->raised)) {
        interrupt_forget_asked();
    }
    if (end_doomed(process, NULL)) {
        return;
    }
    process->is_active = 1;
    process->steps++;
    tasklets_running = process;
    int over = awaits_over(process);
    tasklets_running = NULL;
    if (end_doomed(process, NULL)) {
        return;
    }
    if (over) {
        go_on(process);
    }
    else {
        process->is_active = 0;
    }
}

static int
ring_timers(void)
{
    PyTime_t now;
    struct timer *timer;
    if (PyTime_MonotonicRaw(&now) < 0) {
        return 0;
    }
    while ((timer = timer_due(now)) != NULL) {
        if (timer->pid == NULL) {
            struct process *process = process_at(timer->index, timer->generation);
            timer_free(timer);
            if (process != NULL) {
                process->timer = NULL;
                process->has_come = 1;
                process_wake(process);
            }
            continue;
        }
        PyObject *pid = Py_NewRef(timer->pid), *content = Py_NewRef(timer->content);
        timer_free(timer);
        if (tasklets_send(pid, content, SYSTEM) < 0) {
            PyErr_WriteUnraisable(pid);
        }
        Py_DECREF(pid);
        Py_DECREF(content);
    }
    return 0;
}

/* run(most): at most so many steps. Gives the seconds until there is more to do; below zero: for ever. */
PyObject *
tasklets_run(PyObject *Py_UNUSED(self), PyObject *argument)
{
    long most = PyLong_AsLong(argument);
    if (most == -1 && PyErr_Occurred()) {
        return NULL;
    }
    if (is_running || process_is_ending() || tasklets_running != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "tasklets run already: await what you want to wait for");
        return NULL;
    }
    is_running = 1;
    keep_room();
    ring_timers();
    struct process *process;
    while (most-- > 0 && escaped == NULL && !post_is_full() && (process = next_ready()) != NULL) {
        step(process);
    }
    is_running = 0;
    interrupt_forget_asked();
    if (escaped != NULL) {
        PyErr_SetRaisedException(escaped);
        escaped = NULL;
        return NULL;
    }
    PyTime_t now;
    if (first_ready != NULL || PyTime_MonotonicRaw(&now) < 0) {
        return PyFloat_FromDouble(0.0);
    }
    return PyFloat_FromDouble(timer_seconds(now));
}

/* --- beginnings and messages ----------------------------------------------------------------- */

PyObject *
tasklets_spawn(PyObject *begins)
{
    if (PyTuple_GET_SIZE(begins) == 0 || !PyCallable_Check(PyTuple_GET_ITEM(begins, 0))) {
        PyErr_SetString(PyExc_TypeError, "spawn() takes a function and its arguments");
        return NULL;
    }
    struct process *process = process_new(begins);
    if (process == NULL) {
        return NULL;
    }
    tasklets_counts.spawned++;
    if (trace_is_on) {
        trace_spawn(process, PyTuple_GET_ITEM(begins, 0));
    }
    PyObject *pid = Py_NewRef(process->pid);
    process_wake(process);
    return pid;
}

PyObject *
tasklets_pid(PyObject *to)
{
    if (Py_IS_TYPE(to, &pid_type)) {
        return Py_NewRef(to);
    }
    PyObject *pid = PyObject_CallOneArg(tasklets_hooks.whereis, to);
    if (pid != NULL && !Py_IS_TYPE(pid, &pid_type)) {
        PyErr_SetString(PyExc_SystemError, "a name stands for no pid");
        Py_CLEAR(pid);
    }
    return pid;
}

int
tasklets_send(PyObject *to, PyObject *content, enum sending sending)
{
    PyObject *pid = tasklets_pid(to);
    if (pid == NULL) {
        return -1;
    }
    int failed = 0;
    PyObject *copy = NULL;
    if (((struct pid *)pid)->domain != 0) {
        failed = post(sending == URGENTLY ? OPHIDIA_MESSAGE_URGENT : OPHIDIA_MESSAGE_SEND, pid, content);
    }
    else if (process_of(pid) != NULL) {
        copy = message_copy(content);
        failed = copy == NULL ? -1 : 0;
    }
    struct process *process = copy == NULL ? NULL : process_of(pid);
    if (process != NULL && process->count >= process->most && sending == SENDING) {
        PyObject *error = PyObject_CallFunction(tasklets_hooks.full, "OI", pid, (unsigned)process->most);
        if (error != NULL) {
            PyErr_SetRaisedException(error);
        }
        failed = -1;
    }
    else if (process != NULL) {
        failed = mailbox_put(process, copy, sending == URGENTLY);
        copy = NULL;
    }
    tasklets_counts.sent += failed == 0;
    if (trace_is_on && failed == 0) {
        trace_send((struct pid *)pid);
    }
    Py_XDECREF(copy);
    Py_DECREF(pid);
    return failed;
}

int
tasklets_core_ready(void)
{
    normal = PyUnicode_InternFromString("normal");
    return normal == NULL ? -1 : 0;
}
