/* Empty paths name nothing. All others are the host's to follow: the guest has one folder, in which everything is
   that it was granted. */

#include <errno.h>

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
