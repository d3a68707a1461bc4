/* Names of hosts and services: numbers are read here, names are looked up by the host. */

#include "network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <wasi/api.h>

enum {
    PASSIVE = 1,
    CANONNAME = 2,
    NUMERICHOST = 4,
    NUMERICSERV = 1024
};
enum {
    NI_NUMERIC_SERVICE = 2,
    NI_NAME_REQUIRED = 8
};
enum {
    BAD_FLAGS = -1,
    NO_NAME = -2,
    AGAIN = -3,
    FAIL = -4,
    FAMILY = -6,
    SERVICE = -8,
    NO_MEMORY = -10,
    SYSTEM = -11,
    NO_ROOM = -12
};
enum {
    HOST_NOT_FOUND = 1
};

struct addrinfo {
    int ai_flags, ai_family, ai_socktype, ai_protocol;
    socklen_t ai_addrlen;
    struct sockaddr *ai_addr;
    char *ai_canonname;
    struct addrinfo *ai_next;
};

struct hostent {
    char *h_name, **h_aliases;
    int h_addrtype, h_length;
    char **h_addr_list;
};

struct servent {
    char *s_name, **s_aliases;
    int s_port;
    char *s_proto;
};

/* As many addresses of one name are taken. */
enum {
    MOST = 16
};

int h_errno;

/* The number of the last denial of a name. */
static uint32_t refused;

static const struct {
    const char *name;
    int port;
} services[] = {
    {"http", 80},
    {"https", 443},
    {"ftp", 21},
    {"ssh", 22},
    {"telnet", 23},
    {"smtp", 25},
    {"domain", 53},
    {"gopher", 70},
    {"pop3", 110},
    {"nntp", 119},
    {"ntp", 123},
    {"imap", 143},
    {"imap2", 143},
    {"ldap", 389},
    {"submissions", 465},
    {"submission", 587},
    {"ldaps", 636},
    {"ftps", 990},
    {"imaps", 993},
    {"pop3s", 995},
    {"mysql", 3306},
    {"postgresql", 5432},
    {"amqp", 5672},
    {"redis", 6379},
    {"http-alt", 8080},
};

static int
port_of(const char *service)
{
    for (size_t i = 0; i < sizeof services / sizeof *services; i++) {
        if (strcmp(services[i].name, service) == 0) {
            return services[i].port;
        }
    }
    return -1;
}

static char *no_names[] = {NULL};

struct servent *getservbyname(const char *name, const char *protocol);
struct servent *getservbyport(int port, const char *protocol);

static struct servent *
service(const char *name, int port, const char *protocol)
{
    static struct servent found;
    if (protocol != NULL && strcmp(protocol, "tcp") != 0) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof services / sizeof *services; i++) {
        if (name != NULL ? strcmp(services[i].name, name) == 0 : services[i].port == port) {
            found = (struct servent){(char *)services[i].name, no_names, htons(services[i].port), "tcp"};
            return &found;
        }
    }
    return NULL;
}

struct servent *
getservbyname(const char *name, const char *protocol)
{
    return service(name, 0, protocol);
}

struct servent *
getservbyport(int port, const char *protocol)
{
    return service(NULL, ntohs((uint16_t)port), protocol);
}

/* An address that is written as one, also in the ways of inet_aton. */
static int
number(const char *name, struct record *to)
{
    struct in_addr v4;
    memset(to, 0, sizeof *to);
    if (inet_pton(AF_INET6, name, to->bytes) == 1) {
        to->family = AF_INET6;
        return 1;
    }
    if (inet_aton(name, &v4)) {
        memcpy(to->bytes, &v4, 4);
        to->family = AF_INET;
        return 1;
    }
    return 0;
}

/* The addresses of a name: how many, or an error. */
static int
look_up(const char *name, int flags, struct record *to)
{
    static const uint8_t loopback[2][16] = {{127, 0, 0, 1}, {[15] = 1}};
    if (name == NULL) {
        for (int i = 0; i < 2; i++) {
            to[i] = (struct record){.family = i == 0 ? AF_INET : AF_INET6};
            if (!(flags & PASSIVE)) {
                memcpy(to[i].bytes, loopback[i], 16);
            }
        }
        return 2;
    }
    if (number(name, to)) {
        return 1;
    }
    if (flags & NUMERICHOST) {
        return NO_NAME;
    }
    uint32_t count = 0;
    uint32_t error = ophidia_host_socket_resolve(address(name), strlen(name), address(to), MOST, address(&count));
    switch (error) {
    case 0:
        return count < MOST ? (int)count : MOST;
    case __WASI_ERRNO_NOENT:
        return NO_NAME;
    case __WASI_ERRNO_AGAIN:
        return AGAIN;
    case __WASI_ERRNO_ACCES:
    case __WASI_ERRNO_DQUOT:
        refused = error;
        return FAIL;
    default:
        errno = (int)error;
        return SYSTEM;
    }
}

static struct addrinfo *
entry(const struct record *record, int port, const struct addrinfo *hints, const char *canonical)
{
    size_t room = sizeof(struct sockaddr_in6), named = canonical != NULL ? strlen(canonical) + 1 : 0;
    struct addrinfo *made = calloc(1, sizeof *made + room + named);
    if (made == NULL) {
        return NULL;
    }
    /* A record's structures are aligned as this one is. */
    made->ai_addr = (struct sockaddr *)(made + 1);
    made->ai_family = record->family;
    made->ai_socktype = hints != NULL && hints->ai_socktype != 0 ? hints->ai_socktype : SOCK_STREAM;
    made->ai_protocol = made->ai_socktype == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
    if (record->family == AF_INET6) {
        struct sockaddr_in6 *in = (void *)made->ai_addr;
        *in = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_scope_id = record->scope};
        memcpy(&in->sin6_addr, record->bytes, 16);
        made->ai_addrlen = sizeof *in;
    }
    else {
        struct sockaddr_in *in = (void *)made->ai_addr;
        *in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
        memcpy(&in->sin_addr, record->bytes, 4);
        made->ai_addrlen = sizeof *in;
    }
    if (named != 0) {
        made->ai_canonname = memcpy((char *)(made + 1) + room, canonical, named);
    }
    return made;
}

int getaddrinfo(const char *restrict name, const char *restrict service, const struct addrinfo *restrict hints,
                struct addrinfo **restrict to);
void freeaddrinfo(struct addrinfo *list);

void
freeaddrinfo(struct addrinfo *list)
{
    while (list != NULL) {
        struct addrinfo *next = list->ai_next;
        free(list);
        list = next;
    }
}

int
getaddrinfo(const char *restrict name, const char *restrict service, const struct addrinfo *restrict hints,
            struct addrinfo **restrict to)
{
    int flags = hints != NULL ? hints->ai_flags : 0, family = hints != NULL ? hints->ai_family : AF_UNSPEC;
    long port = 0;
    *to = NULL;
    if (name == NULL && service == NULL) {
        return NO_NAME;
    }
    if (family != AF_UNSPEC && family != AF_INET && family != AF_INET6) {
        return FAMILY;
    }
    if (service != NULL && *service != 0) {
        char *end;
        port = strtol(service, &end, 10);
        if (*end != 0) {
            port = flags & NUMERICSERV ? -1 : port_of(service);
        }
        if (port < 0 || port > 65535) {
            return SERVICE;
        }
    }
    struct record records[MOST];
    int count = look_up(name, flags, records);
    if (count < 0) {
        return count;
    }
    struct addrinfo **end = to;
    for (int i = 0; i < count; i++) {
        if (family != AF_UNSPEC && records[i].family != family) {
            continue;
        }
        *end = entry(&records[i], (int)port, hints, flags & CANONNAME && end == to ? name : NULL);
        if (*end == NULL) {
            freeaddrinfo(*to);
            *to = NULL;
            return NO_MEMORY;
        }
        end = &(*end)->ai_next;
    }
    return *to == NULL ? NO_NAME : 0;
}

const char *gai_strerror(int error);

const char *
gai_strerror(int error)
{
    static char text[512];
    uint32_t len = error == FAIL ? ophidia_host_denied(refused, address(text), sizeof text - 1) : 0;
    if (len != 0 && len < sizeof text) {
        text[len] = 0;
        return text;
    }
    switch (error) {
    case BAD_FLAGS:
        return "Bad value for ai_flags";
    case NO_NAME:
        return "Name or service not known";
    case AGAIN:
        return "Temporary failure in name resolution";
    case FAMILY:
        return "ai_family not supported";
    case SERVICE:
        return "Servname not supported for ai_socktype";
    case NO_MEMORY:
        return "Memory allocation failure";
    default:
        return "Non-recoverable failure in name resolution";
    }
}

int getnameinfo(const struct sockaddr *restrict from, socklen_t len, char *restrict host, socklen_t host_len,
                char *restrict service, socklen_t service_len, int flags);

int
getnameinfo(const struct sockaddr *restrict from, socklen_t len, char *restrict host, socklen_t host_len,
            char *restrict service, socklen_t service_len, int flags)
{
    const struct sockaddr_in *in = (const void *)from;
    const struct sockaddr_in6 *in6 = (const void *)from;
    int v6 = from->sa_family == AF_INET6;
    if (len < (v6 ? sizeof *in6 : sizeof *in) || (!v6 && from->sa_family != AF_INET)) {
        return FAMILY;
    }
    if (flags & NI_NAME_REQUIRED) {
        return NO_NAME; /* addresses are not looked up */
    }
    const void *bytes = v6 ? (const void *)&in6->sin6_addr : (const void *)&in->sin_addr;
    if (host != NULL && host_len != 0 && inet_ntop(from->sa_family, bytes, host, host_len) == NULL) {
        return NO_ROOM;
    }
    if (service != NULL && service_len != 0) {
        int port = ntohs(v6 ? in6->sin6_port : in->sin_port);
        struct servent *known = flags & NI_NUMERIC_SERVICE ? NULL : getservbyport(htons(port), NULL);
        int size = known != NULL ? snprintf(service, service_len, "%s", known->s_name)
                                 : snprintf(service, service_len, "%d", port);
        if (size < 0 || (socklen_t)size >= service_len) {
            return NO_ROOM;
        }
    }
    return 0;
}

struct hostent *gethostbyname(const char *name);
struct hostent *gethostbyaddr(const void *from, socklen_t len, int family);
const char *hstrerror(int error);

struct hostent *
gethostbyname(const char *name)
{
    static char bytes[MOST][4], called[256], *list[MOST + 1];
    static struct hostent found;
    struct record records[MOST];
    int count = look_up(name, 0, records), kept = 0;
    for (int i = 0; i < count; i++) {
        if (records[i].family == AF_INET) {
            memcpy(bytes[kept], records[i].bytes, 4);
            list[kept] = bytes[kept];
            kept++;
        }
    }
    list[kept] = NULL;
    if (kept == 0) {
        h_errno = HOST_NOT_FOUND;
        return NULL;
    }
    snprintf(called, sizeof called, "%s", name);
    found = (struct hostent){called, no_names, AF_INET, 4, list};
    return &found;
}

struct hostent *
gethostbyaddr(const void *from, socklen_t len, int family)
{
    (void)from, (void)len, (void)family;
    h_errno = HOST_NOT_FOUND; /* addresses are not looked up */
    return NULL;
}

const char *
hstrerror(int error)
{
    (void)error;
    return "Unknown host";
}

char *inet_ntoa(struct in_addr from);

char *
inet_ntoa(struct in_addr from)
{
    static char text[INET_ADDRSTRLEN];
    return (char *)inet_ntop(AF_INET, &from, text, sizeof text);
}

int gethostname(char *to, size_t len);

int
gethostname(char *to, size_t len)
{
    snprintf(to, len, "localhost");
    return 0;
}
