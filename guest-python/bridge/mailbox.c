/* Mailboxes of tasklets: lists of messages, in the order they came. */

#include "tasklets.h"

#define MOST_SPARE 4096

static struct message *spare;
static uint32_t spares;

static struct message *
message_new(PyObject *content, int is_urgent)
{
    struct message *message = spare;
    if (message != NULL) {
        spare = message->next;
        spares--;
    }
    else if ((message = PyMem_Malloc(sizeof *message)) == NULL) {
        Py_DECREF(content);
        PyErr_NoMemory();
        return NULL;
    }
    message->content = content;
    message->is_urgent = is_urgent;
    return message;
}

static void
message_free(struct message *message)
{
    if (spares == MOST_SPARE) {
        PyMem_Free(message);
        return;
    }
    message->next = spare;
    spare = message;
    spares++;
}

static void
insert(struct process *process, struct message **link, struct message *message)
{
    message->next = *link;
    *link = message;
    if (process->end == link) {
        process->end = &message->next;
    }
    if (process->urgent_end == link && message->is_urgent) {
        process->urgent_end = &message->next;
    }
    process->count++;
}

int
mailbox_put(struct process *process, PyObject *content, int is_urgent)
{
    struct message *message = message_new(content, is_urgent);
    if (message == NULL) {
        return -1;
    }
    if (is_urgent) {
        /* Whoever looks for one looks at it, too. */
        insert(process, process->urgent_end, message);
        process->from = &process->first;
        process->place = NULL;
    }
    else {
        insert(process, process->end, message);
    }
    if (process->waits == WAITS_MESSAGE) {
        process_wake(process);
    }
    return 0;
}

/* Where those begin that wait for room, one has it now. */
static void
tell_writer(struct process *process)
{
    struct process *writer = process->writers.first;
    if (writer != NULL && process->count < process->most) {
        process_wake(writer);
    }
}

PyObject *
mailbox_take(struct process *process, struct message **link)
{
    struct message *message = *link;
    *link = message->next;
    if (process->end == &message->next) {
        process->end = link;
    }
    if (process->urgent_end == &message->next) {
        process->urgent_end = link;
    }
    process->count--;
    PyObject *content = message->content;
    message_free(message);
    process->from = &process->first;
    process->place = link;
    tasklets_counts.received++;
    if (trace_is_on) {
        trace_receive(process);
    }
    Py_XSETREF(process->taken, Py_NewRef(content));
    if (process->writers.first != NULL) {
        tell_writer(process);
    }
    return content;
}

int
mailbox_skip(struct process *process)
{
    if (process->place == NULL || process->taken == NULL) {
        return 0;
    }
    struct message **link = process->place;
    struct message *message = message_new(Py_NewRef(process->taken), link != process->urgent_end
                                                                         && *link != NULL && (*link)->is_urgent);
    if (message == NULL) {
        return -1;
    }
    insert(process, link, message);
    process->place = NULL;
    process->from = &message->next;
    tasklets_counts.received--;
    return 0;
}

int
mailbox_poll(struct process *process)
{
    PyObject *match = process->match;
    struct message **link = process->from;
    if (match == NULL) {
        if (*link == NULL) {
            return 0;
        }
        process->given = mailbox_take(process, link);
        return 1;
    }
    Py_INCREF(match);
    int found = 0;
    while (*link != NULL) {
        /* What decides may send something to this very process: it lands behind, or it is urgent and all
           are looked at once more. */
        struct message *message = *link;
        PyObject *content = Py_NewRef(message->content);
        process->from = &message->next;
        found = message_matches(match, content);
        Py_DECREF(content);
        if (found < 0) {
            break;
        }
        if (*link != message) {
            found = 0;
            link = process->from = &process->first;
            continue;
        }
        if (found) {
            process->given = mailbox_take(process, link);
            break;
        }
        link = process->from;
    }
    Py_DECREF(match);
    return found;
}

void
mailbox_clear(struct process *process)
{
    struct message *message = process->first;
    process->first = NULL;
    process->end = process->urgent_end = process->from = &process->first;
    process->place = NULL;
    process->count = 0;
    while (message != NULL) {
        struct message *next = message->next;
        PyObject *content = message->content;
        message_free(message);
        Py_DECREF(content);
        message = next;
    }
    Py_CLEAR(process->taken);
}

PyObject *
mailbox_list(struct process *process, Py_ssize_t most)
{
    PyObject *list = PyList_New(0);
    for (struct message *message = process->first; list != NULL && message != NULL && most-- > 0;
         message = message->next) {
        if (PyList_Append(list, message->content) < 0) {
            Py_CLEAR(list);
        }
    }
    return list;
}
