/* Ends of tasklets, and of what others wait for there. */

#include "tasklets.h"

/* Ends that are in the middle of one another. */
static uint32_t endings;
#define MOST_ENDINGS 16

int
process_is_ending(void)
{
    return endings > 0;
}

void
line_join_first(struct line *line, struct process *process)
{
    line_leave(process);
    process->line = line;
    process->line_next = line->first;
    process->line_link = &line->first;
    if (line->first != NULL) {
        line->first->line_link = &process->line_next;
    }
    else {
        line->end = &process->line_next;
    }
    line->first = process;
}

void
line_join(struct line *line, struct process *process)
{
    line_leave(process);
    process->line = line;
    process->line_next = NULL;
    process->line_link = line->end;
    *line->end = process;
    line->end = &process->line_next;
}

void
line_leave(struct process *process)
{
    if (process->line == NULL) {
        return;
    }
    *process->line_link = process->line_next;
    if (process->line_next != NULL) {
        process->line_next->line_link = process->line_link;
    }
    else {
        process->line->end = process->line_link;
    }
    process->line = NULL;
}

void
process_close(struct process *process)
{
    PyObject *program = process->program;
    process->program = NULL;
    if (program == NULL) {
        return;
    }
    struct process *running = tasklets_running;
    PyObject *exception = PyErr_GetRaisedException();
    tasklets_running = process;
    PyObject *done = PyObject_CallMethod(program, "close", NULL);
    PyObject *error = PyErr_GetRaisedException();
    tasklets_running = running;
    if (error != NULL && !tasklets_escape(error)) {
        PyErr_SetRaisedException(Py_NewRef(error));
        PyErr_WriteUnraisable(program);
    }
    Py_XDECREF(error);
    PyErr_SetRaisedException(exception);
    Py_XDECREF(done);
    Py_DECREF(program);
}

static int
is_text(PyObject *reason, const char *text)
{
    return PyUnicode_Check(reason) && PyUnicode_EqualToUTF8(reason, text);
}

/* The last message, and some of those that were still to come. */
static PyObject *
last_messages(struct process *process)
{
    PyObject *list = mailbox_list(process, 4);
    if (list != NULL && process->taken != NULL && PyList_Insert(list, 0, process->taken) < 0) {
        Py_CLEAR(list);
    }
    return list;
}

/* Tells whoever should know; gives the reason as data. */
static PyObject *
tell_end(struct process *process, PyObject *reason, PyObject *result)
{
    PyObject *messages = PyExceptionInstance_Check(reason) ? last_messages(process) : Py_NewRef(Py_None);
    PyObject *extra = process->extra == NULL ? Py_None : process->extra;
    PyObject *told = messages == NULL
                         ? NULL
                         : PyObject_CallFunctionObjArgs(tasklets_hooks.ended, process->pid, reason,
                                                        result == NULL ? Py_None : result, extra,
                                                        messages, NULL);
    Py_XDECREF(messages);
    return told;
}

static void
dismiss(struct process *process, PyObject *reason)
{
    struct process *caller;
    while (process->callers.first != NULL) {
        PyObject *error = PyObject_CallFunctionObjArgs(tasklets_hooks.gone, process->pid, reason, NULL);
        if (error == NULL) {
            error = PyErr_GetRaisedException();
        }
        /* Making it may have run code. */
        caller = process->callers.first;
        if (caller == NULL) {
            Py_DECREF(error);
            break;
        }
        line_leave(caller);
        Py_XSETREF(caller->raised, error);
        process_wake(caller);
    }
    while ((caller = process->writers.first) != NULL) {
        line_leave(caller);
        process_wake(caller);
    }
}

/* Of what it waits for. */
static void
let_go(struct process *process)
{
    struct line *line = process->line;
    line_leave(process);
    if (line != NULL && process->waits == WAITS_ROOM && line->first != NULL) {
        process_wake(line->first);
    }
    if (process->timer != NULL) {
        timer_free(process->timer);
        process->timer = NULL;
    }
}

int
process_end(struct process *process, PyObject *reason, PyObject *result)
{
    /* The first reason counts. Ends that bring about ends wait for their turn, where there are many. */
    if (process->is_active || endings >= MOST_ENDINGS) {
        if (process->doom == NULL) {
            process->doom = Py_NewRef(reason);
        }
        if (!process->is_active) {
            process_wake(process);
        }
        return 0;
    }
    endings++;
    process->is_over = 1;
    Py_INCREF(reason);
    process_leave(process);
    tasklets_counts.ended++;
    if (trace_is_on) {
        trace_exit(process, reason);
    }
    let_go(process);
    process_close(process);
    int failed = 0;
    if (process->extra != NULL || process->callers.first != NULL || !is_text(reason, "normal")) {
        PyObject *told = tell_end(process, reason, result);
        failed = told == NULL ? -1 : 0;
        if (failed) {
            PyObject *exception = PyErr_GetRaisedException();
            dismiss(process, Py_None);
            PyErr_SetRaisedException(exception);
        }
        else {
            dismiss(process, told);
            Py_DECREF(told);
        }
    }
    else if (process->writers.first != NULL) {
        dismiss(process, reason);
    }
    Py_DECREF(reason);
    endings--;
    process->is_dead = 1;
    if (!process->is_queued) {
        process_free(process);
    }
    return failed;
}
