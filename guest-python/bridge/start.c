/* After the snapshot: the new run's own environment, arguments and working directory. What the snapshot must
   not share in other ways, entropy and clocks, is arranged before it (init.c, preload.py), so that
   starting touches no more memory than it has to. */

#define Py_BUILD_CORE 1
#include "bridge.h"
#include "internal/pycore_tstate.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wasi/api.h>
#include <wasi/libc-environ.h>

static int
set_variable(const char *entry)
{
    const char *equals = strchr(entry, '=');
    if (equals == NULL) {
        return 0;
    }
    PyObject *name = PyBytes_FromStringAndSize(entry, equals - entry);
    PyObject *value = PyBytes_FromString(equals + 1);
    int failed = name == NULL || value == NULL
                 || PyDict_SetItem(bridge.posix_environ, name, value) < 0
                 || PyDict_SetItem(bridge.environ_data, name, value) < 0;
    Py_XDECREF(name);
    Py_XDECREF(value);
    return failed ? -1 : 0;
}

static int
set_environment(void)
{
    size_t count, size;
    if (__wasi_environ_sizes_get(&count, &size) != 0 || count == 0) {
        return 0;
    }
    __wasilibc_deinitialize_environ();
    __wasilibc_ensure_environ();
    extern char **__wasilibc_environ;
    for (char **entry = __wasilibc_environ; *entry != NULL; entry++) {
        if (set_variable(*entry) < 0) {
            return -1;
        }
    }
    return 0;
}

static PyObject *
argument_list(char **argv, size_t count)
{
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; list != NULL && i < count; i++) {
        PyObject *text = PyUnicode_DecodeUTF8(argv[i], (Py_ssize_t)strlen(argv[i]),
                                              "surrogateescape");
        if (text == NULL) {
            Py_CLEAR(list);
            break;
        }
        PyList_SET_ITEM(list, (Py_ssize_t)i, text);
    }
    return list;
}

static int
set_arguments(void)
{
    size_t count, size;
    if (__wasi_args_sizes_get(&count, &size) != 0 || count == 0) {
        return 0;
    }
    char **argv = malloc(count * sizeof *argv);
    char *data = malloc(size + 1);
    PyObject *list = NULL;
    if (argv == NULL || data == NULL) {
        PyErr_NoMemory();
    }
    else if (__wasi_args_get((uint8_t **)argv, (uint8_t *)data) != 0) {
        PyErr_SetString(PyExc_OSError, "the arguments cannot be read");
    }
    else {
        list = argument_list(argv, count);
    }
    free(argv);
    free(data);
    int failed = list == NULL || PySys_SetObject("argv", list) < 0;
    Py_XDECREF(list);
    return failed ? -1 : 0;
}

/* Where wasi-libc has the working directory's name. */
extern char *__wasilibc_cwd;

static int
enter_folder(uint32_t cwd, uint32_t cwd_len)
{
    int named = (cwd_len & OPHIDIA_BY_NAME) != 0;
    cwd_len &= ~OPHIDIA_BY_NAME;
    if (cwd_len == 0) {
        return 0;
    }
    char *path = strndup((const char *)(uintptr_t)cwd, cwd_len);
    if (path == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (named) {
        __wasilibc_cwd = path;
        return 0;
    }
    int failed = chdir(path);
    if (failed) {
        PyErr_SetFromErrnoWithFilename(PyExc_OSError, path);
    }
    free(path);
    return failed;
}

/* Defined by patches/0015-recursion-words.patch. */
extern int ophidia_c_recursion_limit;

/* As deep as the host's stack allows. The parser's own levels follow (patches/0018-parser-room.patch). */
static void
set_recursion(void)
{
    int limit = (int)frame_recursion();
    if (limit == 0 || limit == ophidia_c_recursion_limit) {
        return;
    }
    _PyThreadStateImpl *tstate = (_PyThreadStateImpl *)PyThreadState_Get();
    tstate->c_recursion_remaining += limit - ophidia_c_recursion_limit;
    ophidia_c_recursion_limit = limit;
}

uint32_t
ophidia_start(uint32_t cwd, uint32_t cwd_len)
{
    frame_clear();
    set_recursion();
    if (set_environment() < 0 || set_arguments() < 0
        || enter_folder(cwd, cwd_len) < 0) {
        return bridge_raised(0, NULL, NULL, 0);
    }
    return OPHIDIA_STATUS_OK;
}
