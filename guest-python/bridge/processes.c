/* The table of tasklets' processes, and the names by which Python knows them. */

#include "tasklets.h"

#include <stddef.h>

/* --- the table ------------------------------------------------------------------------------ */

#define NOBODY UINT32_MAX
#define MOST_PROCESSES (16u << 20)

static struct {
    struct entry {
        struct process *process; /* NULL: free */
        uint32_t generation;     /* of whom it is for, or was for last */
        uint32_t next_free;
    } *entries;
    uint32_t count, capacity, free, used;
} table = {.free = NOBODY};

struct process *tasklets_running;

/* What ended processes leave, for the next ones. */
static struct process *spare;
static uint32_t spares;

static int
table_grow(void)
{
    uint32_t capacity = table.capacity == 0 ? 64 : table.capacity * 2;
    struct entry *entries = capacity > MOST_PROCESSES
                                ? NULL
                                : PyMem_RawRealloc(table.entries, capacity * sizeof *entries);
    if (entries == NULL) {
        PyErr_Format(PyExc_MemoryError, "no room for more than %u tasklets", (unsigned)table.count);
        return -1;
    }
    table.entries = entries;
    table.capacity = capacity;
    return 0;
}

struct process *
process_new(PyObject *begins)
{
    if (table.free == NOBODY && table.count == table.capacity && table_grow() < 0) {
        return NULL;
    }
    struct process *process = spare;
    if (process != NULL) {
        spare = process->next;
        spares--;
    }
    else if ((process = PyMem_Malloc(sizeof *process)) == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    memset(process, 0, sizeof *process);
    uint32_t index = table.free;
    if (index == NOBODY) {
        index = table.count;
        table.entries[index] = (struct entry){NULL, 0, NOBODY};
    }
    struct entry *entry = &table.entries[index];
    process->index = index;
    process->generation = entry->generation + 1;
    process->pid = pid_new(0, index, process->generation);
    if (process->pid == NULL) {
        process_free(process);
        return NULL;
    }
    if (index == table.free) {
        table.free = entry->next_free;
    }
    else {
        table.count++;
    }
    entry->process = process;
    entry->generation++;
    table.used++;
    process->begins = Py_NewRef(begins);
    process->end = process->urgent_end = process->from = &process->first;
    process->callers.end = &process->callers.first;
    process->writers.end = &process->writers.first;
    process->most = UINT32_MAX;
    return process;
}

struct process *
process_at(uint32_t index, uint32_t generation)
{
    if (index >= table.count || table.entries[index].generation != generation) {
        return NULL;
    }
    return table.entries[index].process;
}

struct process *
process_of(PyObject *pid)
{
    struct pid *name = (struct pid *)pid;
    return name->domain == 0 ? process_at(name->index, name->generation) : NULL;
}

void
process_leave(struct process *process)
{
    struct entry *entry = &table.entries[process->index];
    entry->process = NULL;
    table.used--;
    /* One that has had all its generations is never used again. */
    if (entry->generation < UINT32_MAX) {
        entry->next_free = table.free;
        table.free = process->index;
    }
}

void
process_free(struct process *process)
{
    mailbox_clear(process);
    Py_CLEAR(process->pid);
    Py_CLEAR(process->program);
    Py_CLEAR(process->begins);
    Py_CLEAR(process->given);
    Py_CLEAR(process->raised);
    Py_CLEAR(process->match);
    Py_CLEAR(process->extra);
    Py_CLEAR(process->doom);
    if (spares == 1024) {
        PyMem_Free(process);
        return;
    }
    process->next = spare;
    spare = process;
    spares++;
}

uint32_t
processes_count(void)
{
    return table.used;
}

struct process *
processes_next(uint32_t *at)
{
    while (*at < table.count) {
        struct process *process = table.entries[(*at)++].process;
        if (process != NULL) {
            return process;
        }
    }
    return NULL;
}

PyObject *
processes_list(void)
{
    PyObject *list = PyList_New(0);
    uint32_t at = 0;
    for (struct process *one; list != NULL && (one = processes_next(&at)) != NULL;) {
        if (PyList_Append(list, one->pid) < 0) {
            Py_CLEAR(list);
        }
    }
    return list;
}

/* --- pids ----------------------------------------------------------------------------------- */

PyObject *
pid_new(uint64_t domain, uint32_t index, uint32_t generation)
{
    struct pid *pid = PyObject_New(struct pid, &pid_type);
    if (pid != NULL) {
        pid->domain = domain;
        pid->index = index;
        pid->generation = generation;
    }
    return (PyObject *)pid;
}

static PyObject *
pid_repr(PyObject *self)
{
    struct pid *pid = (struct pid *)self;
    return PyUnicode_FromFormat("<pid %llu.%u.%u>", (unsigned long long)pid->domain,
                                (unsigned)pid->index, (unsigned)pid->generation);
}

static Py_hash_t
mixed(uint64_t number)
{
    number = (number ^ number >> 33) * 0xff51afd7ed558ccdull;
    Py_hash_t hash = (Py_hash_t)(number ^ number >> 32);
    return hash == -1 ? -2 : hash;
}

static Py_hash_t
pid_hash(PyObject *self)
{
    struct pid *pid = (struct pid *)self;
    return mixed(((uint64_t)pid->generation << 32 | pid->index) ^ pid->domain * 0x9e3779b97f4a7c15ull);
}

static PyObject *
pid_compare(PyObject *self, PyObject *other, int operation)
{
    if (!Py_IS_TYPE(other, &pid_type) || (operation != Py_EQ && operation != Py_NE)) {
        Py_RETURN_NOTIMPLEMENTED;
    }
    struct pid *one = (struct pid *)self, *two = (struct pid *)other;
    int equal = one->index == two->index && one->generation == two->generation
                && one->domain == two->domain;
    return PyBool_FromLong(equal == (operation == Py_EQ));
}

/* pid << message: gives the pid, so that more can follow. */
static PyObject *
pid_shift(PyObject *self, PyObject *content)
{
    if (!Py_IS_TYPE(self, &pid_type)) {
        Py_RETURN_NOTIMPLEMENTED;
    }
    return tasklets_send(self, content, SENDING) < 0 ? NULL : Py_NewRef(self);
}

static PyObject *
pid_alive(PyObject *self, void *Py_UNUSED(closure))
{
    if (((struct pid *)self)->domain != 0) {
        Py_RETURN_NONE;
    }
    return PyBool_FromLong(process_of(self) != NULL);
}

static PyObject *
pid_parts(PyObject *self, void *Py_UNUSED(closure))
{
    struct pid *pid = (struct pid *)self;
    return Py_BuildValue("(KII)", (unsigned long long)pid->domain, (unsigned)pid->index,
                         (unsigned)pid->generation);
}

static PyGetSetDef pid_attributes[] = {
    {"is_alive", pid_alive, NULL, "Whether it has not ended yet; None of one that lives elsewhere.", NULL},
    {"parts", pid_parts, NULL, "(domain, index, generation); the domain is 0 for this interpreter's.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyObject *
itself(PyObject *self, PyObject *Py_UNUSED(unused))
{
    return Py_NewRef(self);
}

/* It names the same, copied or not. */
static PyMethodDef name_methods[] = {
    {"__copy__", itself, METH_NOARGS, NULL},
    {"__deepcopy__", itself, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyNumberMethods pid_numbers = {.nb_lshift = pid_shift};

PyTypeObject pid_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "ophidia.tasklets.Pid",
    .tp_doc = "Names a tasklet. `pid << message` sends it one.",
    .tp_basicsize = sizeof(struct pid),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .tp_repr = pid_repr,
    .tp_hash = pid_hash,
    .tp_richcompare = pid_compare,
    .tp_getset = pid_attributes,
    .tp_methods = name_methods,
    .tp_as_number = &pid_numbers,
};

/* --- references ----------------------------------------------------------------------------- */

static uint64_t last_ref;

PyObject *
ref_new(void)
{
    struct ref *ref = PyObject_New(struct ref, &ref_type);
    if (ref != NULL) {
        ref->number = ++last_ref;
        ref->domain = 0;
        ref->timer = NULL;
    }
    return (PyObject *)ref;
}

static void
ref_dealloc(PyObject *self)
{
    struct ref *ref = (struct ref *)self;
    if (ref->timer != NULL) {
        ref->timer->ref = NULL;
    }
    PyObject_Free(self);
}

static PyObject *
ref_repr(PyObject *self)
{
    struct ref *ref = (struct ref *)self;
    return PyUnicode_FromFormat("<ref %llu.%llu>", (unsigned long long)ref->domain,
                                (unsigned long long)ref->number);
}

static Py_hash_t
ref_hash(PyObject *self)
{
    struct ref *ref = (struct ref *)self;
    return mixed(ref->number ^ ref->domain * 0x9e3779b97f4a7c15ull);
}

static PyObject *
ref_compare(PyObject *self, PyObject *other, int operation)
{
    if (!Py_IS_TYPE(other, &ref_type) || (operation != Py_EQ && operation != Py_NE)) {
        Py_RETURN_NOTIMPLEMENTED;
    }
    struct ref *one = (struct ref *)self, *two = (struct ref *)other;
    int equal = one->number == two->number && one->domain == two->domain;
    return PyBool_FromLong(equal == (operation == Py_EQ));
}

PyTypeObject ref_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "ophidia.tasklets.Ref",
    .tp_doc = "Names a monitor, a timer or a call: no two are equal.",
    .tp_basicsize = sizeof(struct ref),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .tp_dealloc = ref_dealloc,
    .tp_methods = name_methods,
    .tp_repr = ref_repr,
    .tp_hash = ref_hash,
    .tp_richcompare = ref_compare,
};

int
processes_ready(PyObject *module)
{
    return PyModule_AddType(module, &pid_type) < 0 || PyModule_AddType(module, &ref_type) < 0 ? -1 : 0;
}
