/* Entropy for sqlite, which looks for a file that WASI does not have and then takes the clock. */

#include "bridge.h"

#include <string.h>
#include <wasi/api.h>

/* The beginning of sqlite3.h's `sqlite3_vfs`, which that library promises not to change. */
struct sqlite3_vfs {
    int version, file_size, path_size;
    void *next;
    const char *name;
    void *data;
    void (*calls[8])(void); /* open, delete, access, full path, and four for shared libraries */
    int (*randomness)(struct sqlite3_vfs *vfs, int size, char *out);
};

extern struct sqlite3_vfs *sqlite3_vfs_find(const char *name);

static int
randomness(struct sqlite3_vfs *vfs, int size, char *out)
{
    (void)vfs;
    if (size <= 0 || __wasi_random_get((uint8_t *)out, (__wasi_size_t)size) != 0) {
        return 0;
    }
    return size;
}

static int
take_entropy(void)
{
    struct sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    if (vfs == NULL) {
        PyErr_SetString(PyExc_SystemError, "sqlite has no default file system");
        return -1;
    }
    vfs->randomness = randomness;
    return 0;
}

const struct package package_sqlite = {.settle = take_entropy};
