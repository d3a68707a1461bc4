/* What the files of tasklets share: processes, their mailboxes, timers. */
#ifndef OPHIDIA_TASKLETS_H
#define OPHIDIA_TASKLETS_H

#include "bridge.h"

#define TASKLETS_MODULE "_ophidia._tasklets"

struct message {
    struct message *next;
    PyObject *content;
    int is_urgent;
};

/* What a process waits for. */
enum waits {
    WAITS_NOTHING,
    WAITS_MESSAGE, /* one that `match` takes, or any */
    WAITS_TIME,
    WAITS_TURN,
    WAITS_REPLY,
    WAITS_FUTURE,
    WAITS_ROOM, /* in the mailbox of another */
};

struct timer {
    PyTime_t when;
    uint64_t number;            /* of two at one time, the older one comes first */
    uint32_t position;          /* in the heap */
    uint32_t index, generation; /* the process whose wait it ends; or else: */
    PyObject *pid, *content;    /* what is sent to whom */
    PyObject *ref;              /* that cancels it; borrowed, it lets go of the timer when it ends */
};

/* A list of processes that wait for one; each is in one such list at most. */
struct line {
    struct process *first, **end;
};

struct process {
    struct process *next; /* among those that can run */
    PyObject *pid;
    PyObject *program; /* a coroutine or generator; NULL before its start */
    PyObject *begins;  /* (function, *arguments): as what it starts, or goes on */
    PyObject *given;   /* what it waited for */
    PyObject *raised;  /* or what is raised there */
    PyObject *match;   /* which message it waits for, NULL: any; or what it sends when there is room */
    PyObject *extra;   /* its links, monitors, names: of the Python side */
    PyObject *doom;    /* why it ends as soon as it does not run */
    struct message *first, **end, **urgent_end;
    struct message **from;  /* those before were refused by `match` */
    PyObject *taken;        /* the last message, */
    struct message **place; /* and where it was; NULL when it cannot go back */
    struct timer *timer;
    struct line callers, writers; /* who waits for a reply of it, or for room in its mailbox */
    struct line *line;            /* the one that it is in itself, */
    struct process *line_next, **line_link;
    uint64_t asked; /* the number of the reply that it waits for */
    uint32_t count, most;
    uint32_t steps; /* since the busiest were last asked for */
    uint32_t index, generation;
    uint8_t waits, is_queued, is_generator, is_active, is_dead, is_over;
    uint8_t has_come; /* the time, or what it waited for */
    uint8_t is_inside; /* what it waits for is awaited in a generator, by `yield from` */
    uint8_t throws;   /* what is raised is thrown into the program, not raised by what it awaits */
};

/* How a message is sent: behind the others, where there is room; before them; or as what the system says, for which
   there always is. */
enum sending {
    SENDING,
    URGENTLY,
    SYSTEM
};

/* A process's name, wherever it lives: domain 0 is this interpreter. */
struct pid {
    PyObject_HEAD
    uint32_t index, generation;
    uint64_t domain;
};

/* The name of a monitor, a timer, a call. */
struct ref {
    PyObject_HEAD
    uint64_t number, domain;
    struct timer *timer;
};

extern PyTypeObject pid_type, ref_type;
extern struct process *tasklets_running;

/* Counts of all that has been. */
extern struct tasklets_counts {
    uint64_t spawned, ended, sent, received;
} tasklets_counts;

/* processes.c: the table, and Python's view of it. */
struct process *process_new(PyObject *begins);
struct process *process_of(PyObject *pid); /* NULL when it has ended, or lives elsewhere */
struct process *process_at(uint32_t index, uint32_t generation);
void process_leave(struct process *process); /* out of the table */
void process_free(struct process *process);
PyObject *pid_new(uint64_t domain, uint32_t index, uint32_t generation);
PyObject *ref_new(void);
PyObject *processes_list(void);
uint32_t processes_count(void);
/* The next from that place in the table on, which is moved along; NULL when there are no more. */
struct process *processes_next(uint32_t *at);
int processes_ready(PyObject *module);

/* mailbox.c: messages. Putting one takes its reference, also where it fails. */
int mailbox_put(struct process *process, PyObject *content, int is_urgent);
PyObject *mailbox_take(struct process *process, struct message **link);
/* A message that the process waits for: 1, with it in `given`; 0 when there is none yet; -1 with an exception. */
int mailbox_poll(struct process *process);
/* Puts the last message back where it was and makes what follows it the next to be looked at. */
int mailbox_skip(struct process *process);
void mailbox_clear(struct process *process);
PyObject *mailbox_list(struct process *process, Py_ssize_t most);

/* match.c: copies of messages, and patterns of them. */
PyObject *message_copy(PyObject *content);
int message_is_array(PyObject *content); /* of a package */
int message_matches(PyObject *pattern, PyObject *content); /* -1 with an exception set */

/* timers.c: what happens at a time. */
struct timer *timer_new(PyTime_t when);
void timer_free(struct timer *timer); /* out of the heap, too */
struct timer *timer_due(PyTime_t now); /* the next whose time has come, or NULL */
double timer_seconds(PyTime_t now);    /* until the next; below zero: there is none */
/* The time so many seconds from now; -1 with an exception set. */
int timer_time(PyObject *seconds, PyTime_t *when, double *number);

/* tasklets.c: who runs when. */
extern struct tasklets_hooks {
    PyObject *ended;   /* (pid, reason, result, extra, messages) -> the reason as data */
    PyObject *extra;   /* () -> the Python side of a process */
    PyObject *foreign; /* (pid, what a coroutine yielded) */
    PyObject *gone;    /* (pid, reason) -> the exception of a call to one that has ended */
    PyObject *full;    /* (pid, most) -> the exception of a message to a mailbox that is full */
    PyObject *whereis; /* (name) -> the pid */
    PyObject *control; /* (pid, content): what the Python side of another interpreter says */
    PyObject *calls;   /* (pid, callee, number): who calls one of another interpreter */
    PyObject *awaited; /* (awaitable) -> a coroutine */
    PyObject *wake;    /* (): somebody can run */
} tasklets_hooks;
void process_wake(struct process *process);
/* Whether an exception ends the whole program, not a tasklet alone: then it is raised where tasklets run. */
int tasklets_escape(PyObject *error);
/* Says that there is something to do, unless that is known. */
void tasklets_tell(void);
/* run(most): at most so many steps. Gives the seconds until there is more to do; below zero: for ever. */
PyObject *tasklets_run(PyObject *self, PyObject *most);
PyObject *tasklets_spawn(PyObject *begins);
/* To a pid or a registered name; nothing happens where nobody is any more. -1 with an exception set. */
int tasklets_send(PyObject *to, PyObject *content, enum sending sending);
/* What a name stands for, or a pid itself: a new reference. */
PyObject *tasklets_pid(PyObject *to);

int tasklets_core_ready(void);

/* ends.c: how one ends, and who waits for another. */
int process_end(struct process *process, PyObject *reason, PyObject *result);
void process_close(struct process *process); /* its program, whose blocks that clean up run */
int process_is_ending(void); /* whether one is in the middle of its end */
void line_join(struct line *line, struct process *process);
void line_join_first(struct line *line, struct process *process);
void line_leave(struct process *process);

/* post.c: what goes to other interpreters, and comes from them. */
extern uint64_t tasklets_domain; /* this one's number among them; 0 when there are none */
/* -1 with an exception set. */
int post(enum ophidia_message kind, PyObject *pid, PyObject *content);
int post_is_full(void);
int post_ready(PyObject *module);

/* trace.c: what happens, for a host that wants to know. */
extern int trace_is_on;
void trace_spawn(struct process *process, PyObject *function);
void trace_send(struct pid *to);
void trace_receive(struct process *process);
void trace_exit(struct process *process, PyObject *reason);
int trace_ready(PyObject *module);

/* awaits.c: what a tasklet awaits. */
extern PyObject *tasklets_waiting; /* what they yield */
extern uint32_t tasklets_patience; /* how often more the one that runs need not wait for its turn */
/* Begins to wait for what a generator has yielded: 1 when it is there, 0 when not, -1 with an exception set. */
int awaits_state(struct process *process, PyObject *yielded);
/* What the wait has come to, with `given` or `raised` set: 1; 0 when it goes on. */
int awaits_over(struct process *process);
int awaits_ready(PyObject *module);

/* Adds them all; -1 with an exception set. */
int tasklets_ready(void);

#endif
