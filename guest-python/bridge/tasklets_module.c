/* Tasklets, as the Python side calls them. */

#include "tasklets.h"

static PyObject *
spawn(PyObject *Py_UNUSED(self), PyObject *args)
{
    return tasklets_spawn(args);
}

/* reply(sender, value): whether it still waits. */
static PyObject *
reply(PyObject *Py_UNUSED(self), PyObject *args)
{
    PyObject *pid, *ref, *value;
    if (!PyArg_ParseTuple(args, "(O!O!)O:reply", &pid_type, &pid, &ref_type, &ref, &value)) {
        return NULL;
    }
    if (((struct pid *)pid)->domain != 0) {
        PyObject *content = PyTuple_Pack(2, ref, value);
        int failed = content == NULL || post(OPHIDIA_MESSAGE_REPLY, pid, content) < 0;
        Py_XDECREF(content);
        return failed ? NULL : Py_NewRef(Py_True);
    }
    PyObject *copy = message_copy(value);
    if (copy == NULL) {
        return NULL;
    }
    struct process *process = process_of(pid); /* copying may have run code */
    if (process == NULL || process->waits != WAITS_REPLY || process->asked != ((struct ref *)ref)->number) {
        Py_DECREF(copy);
        Py_RETURN_FALSE;
    }
    process->asked = 0;
    process->given = copy;
    line_leave(process);
    process_wake(process);
    Py_RETURN_TRUE;
}

/* fail(pid, ref number, exception): a call to another interpreter that has failed. */
static PyObject *
fail(PyObject *Py_UNUSED(self), PyObject *args)
{
    PyObject *pid, *error;
    unsigned long long number;
    if (!PyArg_ParseTuple(args, "O!KO:fail", &pid_type, &pid, &number, &error)) {
        return NULL;
    }
    struct process *process = process_of(pid);
    if (!PyExceptionInstance_Check(error)) {
        PyErr_SetString(PyExc_TypeError, "a call fails with an exception");
        return NULL;
    }
    if (process != NULL && process->waits == WAITS_REPLY && process->asked == number) {
        process->asked = 0;
        Py_XSETREF(process->raised, Py_NewRef(error));
        process_wake(process);
    }
    Py_RETURN_NONE;
}

/* tell(pid, message, urgent): as the system does, whether or not there is room. */
static PyObject *
tell(PyObject *Py_UNUSED(self), PyObject *args)
{
    PyObject *pid, *content;
    int is_urgent = 0;
    if (!PyArg_ParseTuple(args, "O!O|p:tell", &pid_type, &pid, &content, &is_urgent)
        || tasklets_send(pid, content, is_urgent ? URGENTLY : SYSTEM) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
end(PyObject *Py_UNUSED(self), PyObject *args)
{
    PyObject *pid, *reason;
    if (!PyArg_ParseTuple(args, "O!O:end", &pid_type, &pid, &reason)) {
        return NULL;
    }
    struct process *process = process_of(pid);
    if (process != NULL && process_end(process, reason, NULL) < 0) {
        return NULL;
    }
    return PyBool_FromLong(process != NULL);
}

/* What the Python side keeps of a process, None when it has ended. */
static PyObject *
extra(PyObject *Py_UNUSED(self), PyObject *args)
{
    PyObject *pid;
    int make = 1;
    if (!PyArg_ParseTuple(args, "O!|p:extra", &pid_type, &pid, &make)) {
        return NULL;
    }
    struct process *process = process_of(pid);
    if (process != NULL && process->extra == NULL && make) {
        PyObject *made = PyObject_CallNoArgs(tasklets_hooks.extra);
        if (made == NULL) {
            return NULL;
        }
        process = process_of(pid);
        if (process == NULL || process->extra != NULL) {
            Py_DECREF(made);
        }
        else {
            process->extra = made;
        }
    }
    return Py_NewRef(process == NULL || process->extra == NULL ? Py_None : process->extra);
}

static PyObject *
wake(PyObject *Py_UNUSED(self), PyObject *pid)
{
    struct process *process = Py_IS_TYPE(pid, &pid_type) ? process_of(pid) : NULL;
    if (process != NULL && process->waits == WAITS_FUTURE) {
        process->has_come = 1;
        process_wake(process);
    }
    Py_RETURN_NONE;
}

static PyObject *
bound(PyObject *Py_UNUSED(self), PyObject *args)
{
    PyObject *pid;
    Py_ssize_t most;
    if (!PyArg_ParseTuple(args, "O!n:bound", &pid_type, &pid, &most)) {
        return NULL;
    }
    if (most < 1) {
        PyErr_Format(PyExc_ValueError, "a mailbox of %zd messages: it takes 1 at least", most);
        return NULL;
    }
    struct process *process = process_of(pid);
    if (process != NULL) {
        process->most = (uint32_t)most;
    }
    Py_RETURN_NONE;
}

/* (what it waits for, messages, the most, the program, the next messages) of one that is alive, or None. */
static PyObject *
info(PyObject *Py_UNUSED(self), PyObject *args)
{
    static const char *const waits[] = {"ready", "receive", "sleep", "ready", "call", "future", "put"};
    PyObject *pid;
    Py_ssize_t most = 0;
    if (!PyArg_ParseTuple(args, "O!|n:info", &pid_type, &pid, &most)) {
        return NULL;
    }
    struct process *process = process_of(pid);
    if (process == NULL) {
        Py_RETURN_NONE;
    }
    PyObject *messages = mailbox_list(process, most);
    if (messages == NULL) {
        return NULL;
    }
    PyObject *program = process->program != NULL  ? process->program
                        : process->begins != NULL ? process->begins
                                                  : Py_None;
    return Py_BuildValue("(sIION)", process == tasklets_running ? "running" : waits[process->waits],
                         (unsigned)process->count, (unsigned)process->most, program, messages);
}

static PyObject *
send_after(PyObject *Py_UNUSED(self), PyObject *args)
{
    PyObject *seconds, *to, *content;
    PyTime_t when;
    double number;
    if (!PyArg_ParseTuple(args, "OOO:send_after", &seconds, &to, &content)
        || timer_time(seconds, &when, &number) < 0) {
        return NULL;
    }
    PyObject *pid = tasklets_pid(to), *ref = NULL;
    PyObject *copy = pid == NULL ? NULL : message_copy(content);
    struct timer *timer = copy == NULL || (ref = ref_new()) == NULL ? NULL : timer_new(when);
    if (timer == NULL) {
        Py_XDECREF(pid);
        Py_XDECREF(copy);
        Py_XDECREF(ref);
        return NULL;
    }
    timer->pid = pid;
    timer->content = copy;
    timer->ref = ref;
    ((struct ref *)ref)->timer = timer;
    tasklets_tell(); /* the loop looks when the next timer is due */
    return ref;
}

static PyObject *
cancel_timer(PyObject *Py_UNUSED(self), PyObject *ref)
{
    struct timer *timer = Py_IS_TYPE(ref, &ref_type) ? ((struct ref *)ref)->timer : NULL;
    PyTime_t now;
    if (timer == NULL || PyTime_MonotonicRaw(&now) < 0) {
        Py_RETURN_NONE;
    }
    double left = (double)(timer->when - now) * 1e-9;
    timer_free(timer);
    return PyFloat_FromDouble(left < 0 ? 0.0 : left);
}

static PyObject *
make_ref(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(unused))
{
    return ref_new();
}

static PyObject *
processes(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(unused))
{
    return processes_list();
}

static PyObject *
current(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(unused))
{
    return Py_NewRef(tasklets_running == NULL ? Py_None : tasklets_running->pid);
}

static PyObject *
counters(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(unused))
{
    return Py_BuildValue("{sIsKsKsKsK}", "alive", (unsigned)processes_count(), "spawned",
                         (unsigned long long)tasklets_counts.spawned, "ended",
                         (unsigned long long)tasklets_counts.ended, "sent",
                         (unsigned long long)tasklets_counts.sent, "received",
                         (unsigned long long)tasklets_counts.received);
}

static PyObject *
hook(PyObject *Py_UNUSED(self), PyObject *args)
{
    PyObject **hooks[] = {&tasklets_hooks.ended, &tasklets_hooks.extra, &tasklets_hooks.foreign, &tasklets_hooks.gone,
                          &tasklets_hooks.full, &tasklets_hooks.whereis, &tasklets_hooks.control, &tasklets_hooks.calls, &tasklets_hooks.awaited, &tasklets_hooks.wake};
    if (PyTuple_GET_SIZE(args) != sizeof hooks / sizeof *hooks) {
        PyErr_SetString(PyExc_TypeError, "hook() takes as many functions as there are hooks");
        return NULL;
    }
    for (size_t i = 0; i < sizeof hooks / sizeof *hooks; i++) {
        Py_XSETREF(*hooks[i], Py_NewRef(PyTuple_GET_ITEM(args, (Py_ssize_t)i)));
    }
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"spawn", spawn, METH_VARARGS, "spawn(function, *arguments): the pid of a new tasklet."},
    {"reply", reply, METH_VARARGS, "reply(sender, value): answers a call; whether it was still waited for."},
    {"send_after", send_after, METH_VARARGS, "send_after(seconds, pid, message): the reference of a timer."},
    {"cancel_timer", cancel_timer, METH_O, "The seconds that a timer had left; None when it was over."},
    {"make_ref", make_ref, METH_NOARGS, "A reference that is equal to no other."},
    {"run", tasklets_run, METH_O, NULL},
    {"end", end, METH_VARARGS, NULL},
    {"tell", tell, METH_VARARGS, NULL},
    {"fail", fail, METH_VARARGS, NULL},
    {"extra", extra, METH_VARARGS, NULL},
    {"wake", wake, METH_O, NULL},
    {"bound", bound, METH_VARARGS, NULL},
    {"info", info, METH_VARARGS, NULL},
    {"processes", processes, METH_NOARGS, "The pids of all that are alive here."},
    {"current", current, METH_NOARGS, NULL},
    {"counters", counters, METH_NOARGS, "Counts of tasklets and messages since the start."},
    {"hook", hook, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

int
tasklets_ready(void)
{
    PyObject *module = PyImport_AddModuleRef(TASKLETS_MODULE);
    int failed = module == NULL || tasklets_core_ready() < 0 || processes_ready(module) < 0 || awaits_ready(module) < 0 || post_ready(module) < 0 || trace_ready(module) < 0
                 || PyModule_AddFunctions(module, methods) < 0;
    Py_XDECREF(module);
    return failed ? -1 : 0;
}
