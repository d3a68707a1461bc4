/* What happens at a time: a heap of timers, the earliest on top. */

#include "tasklets.h"

static struct {
    struct timer **timers;
    uint32_t count, capacity;
    uint64_t last;
} heap;

static int
is_earlier(const struct timer *one, const struct timer *other)
{
    return one->when != other->when ? one->when < other->when : one->number < other->number;
}

static void
put_at(uint32_t position, struct timer *timer)
{
    heap.timers[position] = timer;
    timer->position = position;
}

static void
rise(struct timer *timer, uint32_t position)
{
    while (position > 0) {
        uint32_t above = (position - 1) / 2;
        if (!is_earlier(timer, heap.timers[above])) {
            break;
        }
        put_at(position, heap.timers[above]);
        position = above;
    }
    put_at(position, timer);
}

static void
sink(struct timer *timer, uint32_t position)
{
    for (;;) {
        uint32_t below = position * 2 + 1;
        if (below >= heap.count) {
            break;
        }
        if (below + 1 < heap.count && is_earlier(heap.timers[below + 1], heap.timers[below])) {
            below++;
        }
        if (!is_earlier(heap.timers[below], timer)) {
            break;
        }
        put_at(position, heap.timers[below]);
        position = below;
    }
    put_at(position, timer);
}

struct timer *
timer_new(PyTime_t when)
{
    if (heap.count == heap.capacity) {
        uint32_t capacity = heap.capacity == 0 ? 32 : heap.capacity * 2;
        struct timer **timers = PyMem_RawRealloc(heap.timers, capacity * sizeof *timers);
        if (timers == NULL) {
            PyErr_NoMemory();
            return NULL;
        }
        heap.timers = timers;
        heap.capacity = capacity;
    }
    struct timer *timer = PyMem_Calloc(1, sizeof *timer);
    if (timer == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    timer->when = when;
    timer->number = ++heap.last;
    rise(timer, heap.count++);
    return timer;
}

void
timer_free(struct timer *timer)
{
    struct timer *last = heap.timers[--heap.count];
    if (last != timer) {
        uint32_t position = timer->position;
        if (is_earlier(last, timer)) {
            rise(last, position);
        }
        else {
            sink(last, position);
        }
    }
    if (timer->ref != NULL) {
        ((struct ref *)timer->ref)->timer = NULL;
    }
    PyObject *pid = timer->pid, *content = timer->content;
    PyMem_Free(timer);
    Py_XDECREF(pid);
    Py_XDECREF(content);
}

struct timer *
timer_due(PyTime_t now)
{
    return heap.count > 0 && heap.timers[0]->when <= now ? heap.timers[0] : NULL;
}

double
timer_seconds(PyTime_t now)
{
    if (heap.count == 0) {
        return -1.0;
    }
    PyTime_t left = heap.timers[0]->when - now;
    return left <= 0 ? 0.0 : (double)left * 1e-9;
}

#define MOST_SECONDS 4e9 /* a hundred years and more */

int
timer_time(PyObject *seconds, PyTime_t *when, double *out)
{
    double number = PyFloat_AsDouble(seconds);
    if (number == -1.0 && PyErr_Occurred()) {
        return -1;
    }
    if (!(number >= 0.0)) {
        PyErr_Format(PyExc_ValueError, "a time of %R seconds: it is 0 or more", seconds);
        return -1;
    }
    PyTime_t now;
    if (PyTime_MonotonicRaw(&now) < 0) {
        PyErr_SetString(PyExc_OSError, "there is no clock");
        return -1;
    }
    *out = number;
    *when = now + (PyTime_t)((number > MOST_SECONDS ? MOST_SECONDS : number) * 1e9);
    return 0;
}
