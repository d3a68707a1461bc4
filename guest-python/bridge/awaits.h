/* What awaits.c and awaitables.c share. */
#ifndef OPHIDIA_AWAITS_H
#define OPHIDIA_AWAITS_H

#include "tasklets.h"

enum kind {
    MESSAGE,
    NEXT,
    TURN,
    TIME,
    REPLY,
    ROOM,
    BECOME,
    SENT
};

struct await {
    PyObject_HEAD
    enum kind kind;
    PyObject *pid;     /* of whom something is asked, or who is sent something */
    PyObject *content; /* the pattern, or what is sent */
    PyObject *seconds; /* NULL: for ever */
};

PyObject *await_new(enum kind kind, PyObject *pid, PyObject *content, PyObject *seconds);

/* 1 when it is there, in `given`; 0 when the process waits; -1 with an exception set. */
int await_begin(struct process *process, struct await *await);

/* Sends, or waits for room; before others, where it waits already. As above. */
int await_room(struct process *process, PyObject *to, PyObject *content, int again);

int await_type_ready(void);

#endif
