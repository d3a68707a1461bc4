/* What the bridge needs of WASI, with this machine's numbers of errors. */
#ifndef SHIM_WASI_API_H
#define SHIM_WASI_API_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define __WASI_ERRNO_SUCCESS 0
#define __WASI_ERRNO_INTR EINTR
#define __WASI_ERRNO_NOENT ENOENT
#define __WASI_ERRNO_AGAIN EAGAIN
#define __WASI_ERRNO_ACCES EACCES
#define __WASI_ERRNO_DQUOT EDQUOT
#define __WASI_ERRNO_BADF EBADF

typedef int __wasi_errno_t;
typedef int __wasi_fd_t;
typedef struct iovec __wasi_iovec_t;
typedef size_t __wasi_size_t;

int __wasi_args_sizes_get(size_t *count, size_t *size);
int __wasi_args_get(uint8_t **argv, uint8_t *data);
int __wasi_environ_sizes_get(size_t *count, size_t *size);

#endif
