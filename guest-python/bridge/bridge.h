/* The bridge's own declarations; what crosses the wall is in ophidia_abi.h. */
#ifndef OPHIDIA_BRIDGE_H
#define OPHIDIA_BRIDGE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "ophidia_abi.h"

/* Where the guest sees its standard library. */
#define OPHIDIA_STDLIB L"/usr/lib/python" Py_STRINGIFY(PY_MAJOR_VERSION) "." Py_STRINGIFY(PY_MINOR_VERSION)

/* What every operation goes through is inlined at the link, across files. */
#define BRIDGE_HOT __attribute__((always_inline))

/* Objects fetched once before the snapshot, so that no call has to look them up. All are held
   for the life of the interpreter. */
struct bridge_objects {
    PyObject *main_dict;        /* __main__.__dict__ */
    PyObject *environ_data;     /* os.environ._data */
    PyObject *posix_environ;    /* posix.environ */
    PyObject *flush;            /* the text "flush" */
    PyObject *format_exception; /* _ophidia.launch.format_exception */
    PyObject *run_module;       /* _ophidia.launch.run_module */
    PyObject *prepare_main;     /* _ophidia.launch.prepare_main */
    PyObject *is_complete;      /* _ophidia.launch.is_complete */
    PyObject *finish;           /* _ophidia.launch.finish */
    PyObject *show;             /* _ophidia.launch.show */
    PyObject *show_exit;        /* _ophidia.launch.show_exit */
    PyObject *begin;            /* _ophidia.rest.begin */
    PyObject *internal;         /* _ophidia.rest.internal */
    PyObject *complete;         /* _ophidia.rest.complete */
    PyObject *register_source;  /* _ophidia.sources.register */
    PyObject *signature;        /* _ophidia.interop.signature */
    PyObject *exception;        /* _ophidia.interop.exception */
    PyObject *pending;          /* _ophidia.interop.pending */
    PyObject *array_of;         /* _ophidia.interop.array_of */
    PyObject *make;             /* _ophidia.interop.make */
    PyObject *converted;        /* _ophidia.interop.converted */
};

extern struct bridge_objects bridge;

/* Fills `bridge`; -1 with an exception set when something is missing. */
int bridge_objects_fetch(void);

/* The extension modules that are no part of CPython; the recipe writes the table. */
extern struct _inittab bridge_extensions[];

/* At which level the guest runs: 0 in an entry of the host, one more in each entry that a function
   of the host makes while this guest waits for it. Frames, input buffers and encoded values are each
   level's own, so an entry never disturbs the one it happened in. */
extern uint32_t bridge_level;

/* An attribute of a module, which is imported if need be: a new reference, or NULL with an exception
   set. */
PyObject *bridge_attribute(const char *module, const char *name);

/* Finds the classes of the standard library that have a plain form; -1 with an exception set. */
int stdlib_types_fetch(void);

/* What the C of a package tells the bridge (`packages/NAME/bridge`), as `package_NAME`. What it has no need of is
   NULL. */
struct package {
    /* Before the snapshot, when all modules have been imported: takes back what each interpreter should have of
       its own; -1 with an exception set. */
    int (*settle)(void);
    /* Writes a value of the package's classes in a plain form: 1; 0 when it is none of them, or has no such
       form; -1 with an exception set. */
    int (*put)(PyObject *value);
    /* Whether a value is an array that messages copy as one block. */
    int (*is_array)(PyObject *value);
};

/* Those of the packages in this guest, NULL behind them; the recipe writes the table. */
extern const struct package *const bridge_packages[];

/* Adds what modules of the in-guest package call; -1 with an exception set. */
int kdf_ready(PyObject *module);
int tls_ready(PyObject *module);
int ending_ready(PyObject *module);
int settling_ready(PyObject *module);
int sources_ready(PyObject *module);
int options_ready(PyObject *module);
int depth_ready(PyObject *module);
int descriptors_ready(PyObject *module);
int interrupt_ready(PyObject *module);

/* Adds the module of tasklets; -1 with an exception set. */
int tasklets_ready(void);

/* Whether an exception was raised because the host asked for it, since the last was forgotten. */
int interrupt_is_asked(PyObject *error);
void interrupt_forget_asked(void);

/* Makes everything that exists immortal, and has what comes later lie on pages of its own. */
void settle(void);

/* Finds the words through which the host interrupts the evaluation loop. */
void bridge_interrupt_locate(struct ophidia_frame *frame);

/* Writes them into the frame; once, before the snapshot. */
void frame_publish_interrupt(void);

/* How deep C code may recurse, as the host says; 0 when it does not. */
uint32_t frame_recursion(void);

/* Empties the frame and lets go of what the last entry left in it. */
void frame_clear(void);

/* Puts an object into a slot in the form the host wants. What the slot points to is kept alive until
   the frame is cleared. -1 with an exception set when that cannot be done. */
int frame_set_wanted(enum ophidia_slot_index index, PyObject *value, uint32_t want);

/* As above for a text of an exception: what cannot be UTF-8 is escaped, what is too long is cut. */
int frame_set_text(enum ophidia_slot_index index, PyObject *text);

void frame_set_int(enum ophidia_slot_index index, long long value);

/* An operand that the host has left in the frame: a new reference, or NULL with an exception set. */
PyObject *frame_operand(uint32_t index);

/* Lets go of the first of the handles that the host has left there; at most OPHIDIA_RELEASES. */
void frame_release(uint32_t count);

/* Leaves values there for the host, which point into texts: 1; 0 when one of them is not plain, or there are
   too many. */
int frame_leave(PyObject *const *values, size_t count);

/* The input buffer of this level for so many bytes, as it was last given out. */
const unsigned char *bridge_input(uint32_t size);

/* Moves the exception that is set into the frame and gives the status to return. With `program`, it has ended
   the main program: what the program has put into sys.excepthook and sys.stderr shows it. `code` is the code
   object whose source text is `source`, or NULL: lines of it are shown in tracebacks although no file has them. The text
   of a traceback is made for a main program and where a limit has fired; else the host asks the exception for it. */
uint32_t bridge_raised(int program, PyObject *code, const char *source, uint32_t len);

/* Keeps the source of code that has raised for the lines of its traceback. */
int keep_raised(PyObject *code, const char *source, uint32_t len);

/* Gives an object out: the host holds it until it releases the handle that goes into the slot. */
int handle_new(PyObject *object, struct ophidia_slot *slot);

/* Gives a memoryview of an object out, and into the other slot the layout of its memory. -1 with an
   exception set. */
int buffer_new(PyObject *object, struct ophidia_slot *slot, struct ophidia_slot *layout);

/* The object of a handle, its generation above its index, borrowed; NULL with a ReferenceError when there is none. */
PyObject *handle_object(uint64_t handle);

/* Lets go of an object; a handle that is not given out is ignored. */
void handle_release(uint32_t index, uint32_t generation);

/* Lets go of every handle given out since a mark: the host will not hear of them. */
uint64_t handle_mark(void);
void handle_release_since(uint64_t mark);

/* How many handles are given out. */
uint32_t handle_count(void);

/* Encodes a value, or several that follow one another and, unless it is NULL, a last; the bytes are valid until the next call at this
   level. -1 with an exception set. */
int value_encode(PyObject *value, uint32_t want, const unsigned char **data, size_t *len);
int values_encode(PyObject *const *values, size_t count, uint32_t want, PyObject *last,
                  const unsigned char **data, size_t *len);

/* Decodes values that follow one another, and applies converters to the first `converted` of them. Gives
   how many there are: fewer than `count`, with an exception set, when the next one cannot be decoded. */
Py_ssize_t value_decode(const unsigned char *data, size_t len, PyObject **values, Py_ssize_t count,
                        Py_ssize_t converted);

/* The converters of the host's scopes, borrowed, or NULL; a value with them applied, which takes the
   reference: NULL with an exception set. */
PyObject *converters_active(void);
PyObject *converters_apply(PyObject *value);

/* Adds what _ophidia.interop sets them with; -1 with an exception set. */
int converters_ready(PyObject *module);

/* Prepares the types of host.c; -1 with an exception set. */
int host_types_ready(void);

/* A function of the host. The description is a tuple; interop-abi tells what of. */
PyObject *host_function_new(uint32_t number, PyObject *description);

/* An object of the host, and the number of one; `host_object_number` is -1 for any other object. */
PyObject *host_object_new(uint32_t number);
int64_t host_object_number(PyObject *object);

/* Set where a stream is written to, by patches/0007-output-written-text.patch. */
extern int _PyIO_written;

/* Flushes sys.stdout and sys.stderr; what fails there is left for the program's own end. -1 with a
   KeyboardInterrupt set, when that came meanwhile. */
int bridge_flush_written(void);

/* The same, if anything was written since. */
static inline int
bridge_flush(void)
{
    return _PyIO_written ? bridge_flush_written() : 0;
}

/* Forgets the exception that is set, unless it is an interruption: that goes into `interruption`. */
void bridge_forget(PyObject **interruption);

#endif
