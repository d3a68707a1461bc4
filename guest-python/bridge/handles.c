/* The table of objects that the host holds. */

#include "bridge.h"

#include <stdlib.h>

struct entry {
    PyObject *object;    /* NULL: free */
    uint32_t generation; /* of the handle that is or was last given out */
    uint32_t next_free;  /* index + 1; 0 ends the list */
    uint32_t level;      /* where it was given out */
    uint64_t number;     /* of all that were ever given out */
};

static struct entry *entries;
static uint32_t used, capacity, first_free, live;
static uint64_t given_out;

static int
grow(void)
{
    uint32_t wanted = capacity == 0 ? 64 : capacity * 2;
    struct entry *grown = wanted < capacity || wanted > UINT32_MAX / sizeof *entries
                              ? NULL
                              : realloc(entries, wanted * sizeof *entries);
    if (grown == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    entries = grown;
    capacity = wanted;
    return 0;
}

int
handle_new(PyObject *object, struct ophidia_slot *slot)
{
    uint32_t index;
    if (first_free != 0) {
        index = first_free - 1;
        first_free = entries[index].next_free;
    }
    else {
        if (used == capacity && grow() < 0) {
            return -1;
        }
        index = used++;
        entries[index].generation = 0;
    }
    entries[index].object = Py_NewRef(object);
    entries[index].level = bridge_level;
    entries[index].number = ++given_out;
    live++;
    *slot = (struct ophidia_slot){
        .tag = OPHIDIA_TAG_HANDLE,
        .len = ++entries[index].generation,
        .payload = index,
    };
    return 0;
}

BRIDGE_HOT PyObject *
handle_object(uint64_t handle)
{
    uint32_t index = (uint32_t)handle, generation = (uint32_t)(handle >> 32);
    if (index < used && entries[index].object != NULL && entries[index].generation == generation) {
        return entries[index].object;
    }
    PyErr_SetString(PyExc_ReferenceError, "the host holds no such object");
    return NULL;
}

void
handle_release(uint32_t index, uint32_t generation)
{
    if (index >= used || entries[index].object == NULL || entries[index].generation != generation) {
        return;
    }
    PyObject *object = entries[index].object;
    entries[index].object = NULL;
    live--;
    /* A generation that would come round again retires its entry. */
    if (generation != UINT32_MAX) {
        entries[index].next_free = first_free;
        first_free = index + 1;
    }
    Py_DECREF(object); /* may run Python code, and so give out handles */
}

uint32_t
handle_count(void)
{
    return live;
}

uint64_t
handle_mark(void)
{
    return given_out;
}

/* Those of this level: what was given out further in, by Python code that ran meanwhile and called the
   host, the host holds. */
void
handle_release_since(uint64_t mark)
{
    uint64_t last = given_out; /* letting go may run Python code, and so give out others */
    for (uint32_t index = 0; index < used; index++) {
        if (entries[index].object != NULL && entries[index].level == bridge_level
            && entries[index].number > mark && entries[index].number <= last) {
            handle_release(index, entries[index].generation);
        }
    }
}
