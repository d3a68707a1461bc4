/* Paths with `..`: resolved before the granted folder is looked up. And empty ones, which name nothing.

   wasi-libc takes the granted folder whose name is a path's longest prefix, as text, so that
   /here/../there would be looked for in /here and refused. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int __real___wasilibc_find_abspath(const char *path, const char **prefix, const char **relative);
int __wrap___wasilibc_find_abspath(const char *path, const char **prefix, const char **relative);

/* Drops `.`, `..` and the component before it. `out` has room for `path`. */
static void
resolve(const char *path, char *out)
{
    char *end = out;
    while (*path != 0) {
        size_t len = strcspn(path, "/");
        if (len == 2 && memcmp(path, "..", 2) == 0) {
            while (end > out && *--end != '/') {
            }
        }
        else if (len > 0 && !(len == 1 && *path == '.')) {
            *end++ = '/';
            memcpy(end, path, len);
            end += len;
        }
        path += len;
        path += strspn(path, "/");
    }
    if (end == out) {
        *end++ = '/';
    }
    *end = 0;
}

/* The answer points into `path`, or into a buffer that the next call reuses; libc copies it. */
int
__wrap___wasilibc_find_abspath(const char *path, const char **prefix, const char **relative)
{
    static char *resolved;
    if (strstr(path, "/..") == NULL) {
        return __real___wasilibc_find_abspath(path, prefix, relative);
    }
    char *larger = realloc(resolved, strlen(path) + 2);
    if (larger == NULL) {
        return -1;
    }
    resolved = larger;
    resolve(path, resolved);
    return __real___wasilibc_find_abspath(resolved, prefix, relative);
}

int __real___wasilibc_find_relpath_alloc(const char *path, const char **prefix, char **relative, size_t *len,
                                         int can_grow);
int __wrap___wasilibc_find_relpath_alloc(const char *path, const char **prefix, char **relative, size_t *len,
                                         int can_grow);

/* wasi-libc takes the empty path for the current folder. */
int
__wrap___wasilibc_find_relpath_alloc(const char *path, const char **prefix, char **relative, size_t *len,
                                     int can_grow)
{
    if (*path == 0) {
        errno = ENOENT;
        return -1;
    }
    return __real___wasilibc_find_relpath_alloc(path, prefix, relative, len, can_grow);
}
