/* What wasi-libc and the recipe's patches give the bridge, as thin as it goes: arguments, environment, reading, where the
   standard library is, and words of patches for parts that are left out here. */

#include <Python.h>

#include <locale.h>
#include <string.h>
#include <unistd.h>
#include <wasi/api.h>
#include <wasi/libc-environ.h>

/* --- arguments and environment --- */

static const char *const arguments[] = {"program", "one", "\xff two"};
static char *environment[] = {"KEY=value", "EMPTY=", "NO_VALUE", "BYTES=\xfe=\xff", NULL};

char **__wasilibc_environ;
char *__wasilibc_cwd;

static size_t
sizes(const char *const *texts, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        size += strlen(texts[i]) + 1;
    }
    return size;
}

int
__wasi_args_sizes_get(size_t *count, size_t *size)
{
    *count = sizeof arguments / sizeof *arguments;
    *size = sizes(arguments, *count);
    return 0;
}

int
__wasi_args_get(uint8_t **argv, uint8_t *data)
{
    for (size_t i = 0; i < sizeof arguments / sizeof *arguments; i++) {
        size_t len = strlen(arguments[i]) + 1;
        argv[i] = memcpy(data, arguments[i], len);
        data += len;
    }
    return 0;
}

int
__wasi_environ_sizes_get(size_t *count, size_t *size)
{
    *count = sizeof environment / sizeof *environment - 1;
    *size = sizes((const char *const *)environment, *count);
    return 0;
}

void
__wasilibc_deinitialize_environ(void)
{
    __wasilibc_environ = NULL;
}

void
__wasilibc_ensure_environ(void)
{
    __wasilibc_environ = environment;
}

/* --- reading: the bridge looks at every read of a descriptor --- */

__wasi_errno_t __wrap___wasi_fd_read(__wasi_fd_t fd, const __wasi_iovec_t *vectors, size_t count, __wasi_size_t *read);
__wasi_errno_t __real___wasi_fd_read(__wasi_fd_t fd, const __wasi_iovec_t *vectors, size_t count, __wasi_size_t *read);
ssize_t __wrap_read(int fd, void *to, size_t len);

__wasi_errno_t
__real___wasi_fd_read(__wasi_fd_t fd, const __wasi_iovec_t *vectors, size_t count, __wasi_size_t *read)
{
    ssize_t len = readv(fd, vectors, (int)count);
    *read = len < 0 ? 0 : (size_t)len;
    return len < 0 ? errno : 0;
}

ssize_t
__wrap_read(int fd, void *to, size_t len)
{
    struct iovec vector = {to, len};
    size_t read;
    errno = __wrap___wasi_fd_read(fd, &vector, 1, &read);
    return errno == 0 ? (ssize_t)read : -1;
}

/* --- the locale: glibc's strftime_l takes no number that stands for one --- */

locale_t __wrap_uselocale(locale_t locale);

locale_t
__wrap_uselocale(locale_t locale)
{
    (void)locale;
    static locale_t own;
    return own != NULL ? own : (own = newlocale(LC_ALL_MASK, "C", NULL));
}

/* --- the interpreter's start --- */

PyStatus __real_Py_InitializeFromConfig(const PyConfig *config);
PyStatus __wrap_Py_InitializeFromConfig(const PyConfig *config);

/* The host mounts the library where the bridge looks for it; here it lies in the folders of OPHIDIA_BRIDGE_LIBRARY. What is
   compiled is kept: most of a run would be compiling. */
PyStatus
__wrap_Py_InitializeFromConfig(const PyConfig *config)
{
    PyConfig *own = (PyConfig *)config;
    wchar_t *folders = Py_DecodeLocale(getenv("OPHIDIA_BRIDGE_LIBRARY"), NULL), *rest = NULL;
    PyWideStringList none = {0, NULL};
    own->module_search_paths = none; /* the few bytes that were there are lost */
    for (wchar_t *one = wcstok(folders, L":", &rest); one != NULL; one = wcstok(NULL, L":", &rest)) {
        PyStatus status = PyWideStringList_Append(&own->module_search_paths, one);
        if (PyStatus_Exception(status)) {
            return status;
        }
    }
    PyMem_RawFree(folders);
    own->write_bytecode = 1;
    return __real_Py_InitializeFromConfig(own);
}

/* patches/0004-seal-heap.patch is of CPython's own allocator, in whose place the sanitizer's is. */
void _PyObject_SealHeap(void);

void
_PyObject_SealHeap(void)
{
}
