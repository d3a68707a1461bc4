/* Before the snapshot: start the interpreter, import the preload list, leave nothing behind. */

#include "bridge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bridge_objects bridge;

static void
die(const char *what)
{
    fprintf(stderr, "ophidia: the guest could not be initialised: %s\n", what);
    if (PyErr_Occurred()) {
        PyErr_Print();
    }
    abort();
}

static void
check(PyStatus status)
{
    if (PyStatus_Exception(status)) {
        die(status.err_msg ? status.err_msg : "unknown reason");
    }
}

static void
start_interpreter(void)
{
    PyPreConfig pre;
    PyPreConfig_InitIsolatedConfig(&pre);
    pre.utf8_mode = 1;
    check(Py_PreInitialize(&pre));

    PyConfig config;
    PyConfig_InitIsolatedConfig(&config);
    config.write_bytecode = 0;
    config.pathconfig_warnings = 0;
    config.install_signal_handlers = 1;
    config.module_search_paths_set = 1;
    check(PyWideStringList_Append(&config.module_search_paths, OPHIDIA_STDLIB));
    struct {
        wchar_t **field;
        const wchar_t *value;
    } texts[] = {
        {&config.program_name, L"python3"}, {&config.executable, L""},
        {&config.base_executable, L""},     {&config.prefix, L"/usr"},
        {&config.base_prefix, L"/usr"},     {&config.exec_prefix, L"/usr"},
        {&config.base_exec_prefix, L"/usr"}, {&config.platlibdir, L"lib"},
        {&config.stdlib_dir, OPHIDIA_STDLIB}, {&config.stdio_encoding, L"utf-8"},
        {&config.stdio_errors, L"strict"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        check(PyConfig_SetString(&config, texts[i].field, texts[i].value));
    }
    if (PyImport_ExtendInittab(bridge_extensions) < 0) {
        abort();
    }
    check(Py_InitializeFromConfig(&config));
    PyConfig_Clear(&config);
}

PyObject *
bridge_attribute(const char *module_name, const char *name)
{
    PyObject *module = PyImport_ImportModule(module_name);
    if (module == NULL) {
        return NULL;
    }
    PyObject *value = PyObject_GetAttrString(module, name);
    Py_DECREF(module);
    return value;
}

/* Defined in _randommodule.c by patches/0006-forget-seed.patch. */
extern void _PyRandom_ForgetSeed(PyObject *);

int
bridge_objects_fetch(void)
{
    PyObject *main_module = PyImport_AddModuleRef("__main__");
    if (main_module == NULL) {
        return -1;
    }
    bridge.main_dict = Py_NewRef(PyModule_GetDict(main_module));
    Py_DECREF(main_module);

    PyObject *environ = bridge_attribute("os", "environ");
    if (environ == NULL) {
        return -1;
    }
    bridge.environ_data = PyObject_GetAttrString(environ, "_data");
    Py_DECREF(environ);
    bridge.flush = PyUnicode_InternFromString("flush");

    PyObject *random = bridge_attribute("random", "_inst");
    if (random == NULL || bridge.flush == NULL) {
        return -1;
    }
    _PyRandom_ForgetSeed(random);
    Py_DECREF(random);
    for (const struct package *const *package = bridge_packages; *package != NULL; package++) {
        if ((*package)->settle != NULL && (*package)->settle() < 0) {
            return -1;
        }
    }

    struct {
        PyObject **field;
        const char *module;
        const char *name;
    } wanted[] = {
        {&bridge.posix_environ, "posix", "environ"},
        {&bridge.format_exception, "_ophidia.launch", "format_exception"},
        {&bridge.run_module, "_ophidia.launch", "run_module"},
        {&bridge.prepare_main, "_ophidia.launch", "prepare_main"},
        {&bridge.is_complete, "_ophidia.launch", "is_complete"},
        {&bridge.finish, "_ophidia.launch", "finish"},
        {&bridge.show, "_ophidia.launch", "show"},
        {&bridge.show_exit, "_ophidia.launch", "show_exit"},
        {&bridge.begin, "_ophidia.rest", "begin"},
        {&bridge.internal, "_ophidia.rest", "internal"},
        {&bridge.complete, "_ophidia.rest", "complete"},
        {&bridge.register_source, "_ophidia.sources", "register"},
        {&bridge.signature, "_ophidia.interop", "signature"},
        {&bridge.exception, "_ophidia.interop", "exception"},
        {&bridge.pending, "_ophidia.interop", "pending"},
        {&bridge.converted, "_ophidia.interop", "converted"},
        {&bridge.array_of, "_ophidia.interop", "array_of"},
        {&bridge.make, "_ophidia.interop", "make"},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        *wanted[i].field = bridge_attribute(wanted[i].module, wanted[i].name);
        if (*wanted[i].field == NULL) {
            return -1;
        }
    }
    return bridge.environ_data == NULL ? -1 : stdlib_types_fetch();
}

/* Defined in obmalloc.c by patches/0004-seal-heap.patch. */
extern void _PyObject_SealHeap(void);

#ifdef __wasm__ /* natively no snapshot is taken */
/* What finished calls left below the stack pointer would be carried by every snapshot. The stack
   lies at the bottom of linear memory (--stack-first); its first page stays out of it. */
__attribute__((noinline)) static void
clear_dead_stack(void)
{
    volatile char here;
    uintptr_t top = (uintptr_t)&here;
    uintptr_t bottom = 4096;
    if (top > bottom + 1024) {
        memset((void *)bottom, 0, top - 1024 - bottom);
    }
}

/* What that does for small objects, for the C library's heap: free chunks between those
   in use are taken out of circulation, so that new ones come from the top of the heap. */
static void
seal_c_heap(void)
{
    uintptr_t top = (uintptr_t)malloc(1 << 20); /* too large for any gap */
    free((void *)top);
    for (size_t size = 512 << 10; size >= 16; size -= size > 4096 ? size / 8 & ~(size_t)15 : 16) {
        for (;;) {
            void *chunk = malloc(size);
            if (chunk == NULL || (uintptr_t)chunk >= top) {
                free(chunk);
                break;
            }
        }
    }
}
#endif

/* Extension modules in C++ have objects whose construction calls Python. A shared library's are made when it is imported,
   ours by _initialize: CPython is up before them. Priorities up to 100 are the C library's. */
__attribute__((constructor(101))) static void
start_early(void)
{
    start_interpreter();
}

void
ophidia_initialize(void)
{
    if (host_types_ready() < 0) {
        die("the types of the host cannot be made");
    }
    PyObject *preload = PyImport_ImportModule("_ophidia.preload");
    if (preload == NULL) {
        die("importing the preload list failed");
    }
    Py_DECREF(preload);
    if (bridge_objects_fetch() < 0) {
        die("a module lacks what the bridge needs");
    }
    frame_publish_interrupt();
    immortalize();
    _PyObject_SealHeap();
#ifdef __wasm__
    seal_c_heap();
    clear_dead_stack();
#endif
}
