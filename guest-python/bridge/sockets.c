/* Sockets of the host's, as CPython's module knows them. wasi-libc has what moves bytes; here is what opens, connects
   and asks. The declarations are those of patches/0021-sockets.patch. */

#include "network.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <wasi/api.h>

#define SOL_TCP_ 6
#define SO_ERROR_ 4
#define SO_KEEPALIVE_ 9

_Static_assert(AF_INET == OPHIDIA_FAMILY_V4 && AF_INET6 == OPHIDIA_FAMILY_V6, "numbers differ from the host's");

static int
done(uint32_t number)
{
    if (number == 0) {
        return 0;
    }
    errno = (int)number;
    return -1;
}

static int
to_record(const struct sockaddr *from, socklen_t len, struct record *to)
{
    memset(to, 0, sizeof *to);
    if (from != NULL && len >= sizeof(struct sockaddr_in) && from->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)from;
        to->family = AF_INET;
        to->port = ntohs(in->sin_port);
        memcpy(to->bytes, &in->sin_addr, 4);
        return 0;
    }
    if (from != NULL && len >= sizeof(struct sockaddr_in6) && from->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const void *)from;
        to->family = AF_INET6;
        to->port = ntohs(in->sin6_port);
        to->scope = in->sin6_scope_id;
        memcpy(to->bytes, &in->sin6_addr, 16);
        return 0;
    }
    errno = EAFNOSUPPORT;
    return -1;
}

/* Writes as much of an address as there is room for. */
static void
from_record(const struct record *from, struct sockaddr *to, socklen_t *len)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(from->port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(from->port), .sin6_scope_id = from->scope};
    memcpy(&in.sin_addr, from->bytes, 4);
    memcpy(&in6.sin6_addr, from->bytes, 16);
    int v6 = from->family == AF_INET6;
    socklen_t size = v6 ? sizeof in6 : sizeof in;
    memcpy(to, v6 ? (const void *)&in6 : (const void *)&in, *len < size ? *len : size);
    *len = size;
}

int socket(int family, int type, int protocol);

int
socket(int family, int type, int protocol)
{
    int fd = -1;
    if (family != AF_INET && family != AF_INET6) {
        errno = EAFNOSUPPORT;
        return -1;
    }
    if ((type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) != SOCK_STREAM || (protocol != 0 && protocol != IPPROTO_TCP)) {
        errno = EPROTONOSUPPORT;
        return -1;
    }
    return done(ophidia_host_socket_open((uint32_t)family, address(&fd))) < 0 ? -1 : fd;
}

int socketpair(int family, int type, int protocol, int pair[2]);

int
socketpair(int family, int type, int protocol, int pair[2])
{
    (void)family, (void)type, (void)protocol;
    return done(ophidia_host_socket_pair(address(pair)));
}

int connect(int fd, const struct sockaddr *to, socklen_t len);

int
connect(int fd, const struct sockaddr *to, socklen_t len)
{
    struct record record;
    return to_record(to, len, &record) < 0 ? -1 : done(ophidia_host_socket_connect((uint32_t)fd, address(&record)));
}

static int
name(int fd, uint32_t peer, struct sockaddr *to, socklen_t *len)
{
    struct record record = {0};
    if (done(ophidia_host_socket_name((uint32_t)fd, peer, address(&record))) < 0) {
        return -1;
    }
    from_record(&record, to, len);
    return 0;
}

int getsockname(int fd, struct sockaddr *restrict to, socklen_t *restrict len);
int getpeername(int fd, struct sockaddr *restrict to, socklen_t *restrict len);

int
getsockname(int fd, struct sockaddr *restrict to, socklen_t *restrict len)
{
    return name(fd, 0, to, len);
}

int
getpeername(int fd, struct sockaddr *restrict to, socklen_t *restrict len)
{
    return name(fd, 1, to, len);
}

/* Streams to others are granted, none that others begin. */
static int
refused(int fd)
{
    struct record record = {0};
    errno = ophidia_host_socket_name((uint32_t)fd, 0, address(&record)) == __WASI_ERRNO_BADF ? EBADF : ENOTSUP;
    return -1;
}

int bind(int fd, const struct sockaddr *to, socklen_t len);
int listen(int fd, int backlog);

int
bind(int fd, const struct sockaddr *to, socklen_t len)
{
    struct record record;
    static const uint8_t any[16];
    if (to_record(to, len, &record) == 0 && record.port == 0 && memcmp(record.bytes, any, sizeof any) == 0) {
        return 0; /* any address and port: what a connection has anyway */
    }
    return refused(fd);
}

int
listen(int fd, int backlog)
{
    (void)backlog;
    return refused(fd);
}

/* Which of the host's options one is; -1 for one that is kept nowhere. */
static int
option(int level, int name)
{
    if (level == SOL_SOCKET && name == SO_ERROR_) {
        return OPHIDIA_SOCKET_ERROR;
    }
    if (level == SOL_SOCKET && name == SO_KEEPALIVE_) {
        return OPHIDIA_SOCKET_KEEP_ALIVE;
    }
    return level == SOL_TCP_ && name == TCP_NODELAY ? OPHIDIA_SOCKET_NO_DELAY : -1;
}

int
getsockopt(int fd, int level, int name, void *restrict to, socklen_t *restrict len)
{
    struct record record = {0};
    int value = 0, which = option(level, name);
    uint32_t error = which >= 0 ? ophidia_host_socket_get((uint32_t)fd, (uint32_t)which, address(&value))
                                : ophidia_host_socket_name((uint32_t)fd, 0, address(&record));
    if (error == 0 && level == SOL_SOCKET && name == SO_TYPE) {
        value = SOCK_STREAM;
    }
    if (done(error) < 0) {
        return -1;
    }
    *len = *len < sizeof value ? *len : sizeof value;
    memcpy(to, &value, *len);
    return 0;
}

int setsockopt(int fd, int level, int name, const void *from, socklen_t len);

/* Sizes of buffers and the like are the host's business: they are taken without effect. */
int
setsockopt(int fd, int level, int name, const void *from, socklen_t len)
{
    struct record record = {0};
    int value = 0, which = option(level, name);
    if (which < 0) {
        return done(ophidia_host_socket_name((uint32_t)fd, 0, address(&record)));
    }
    memcpy(&value, from, len < sizeof value ? len : sizeof value);
    return done(ophidia_host_socket_set((uint32_t)fd, (uint32_t)which, value != 0));
}

ssize_t sendto(int fd, const void *from, size_t len, int flags, const struct sockaddr *to, socklen_t to_len);
ssize_t recvfrom(int fd, void *restrict to, size_t len, int flags, struct sockaddr *restrict from,
                 socklen_t *restrict from_len);

ssize_t
sendto(int fd, const void *from, size_t len, int flags, const struct sockaddr *to, socklen_t to_len)
{
    if (to != NULL || to_len != 0) {
        errno = EISCONN;
        return -1;
    }
    return send(fd, from, len, flags);
}

ssize_t
recvfrom(int fd, void *restrict to, size_t len, int flags, struct sockaddr *restrict from, socklen_t *restrict from_len)
{
    if (from != NULL && from_len != NULL) {
        *from_len = 0;
    }
    return recv(fd, to, len, flags);
}
