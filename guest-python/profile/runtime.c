/* Counts for train.py: what clang's own profile runtime, which WASI lacks, does elsewhere. The program's
   end writes a raw profile (version 10, of LLVM 19 to 22, for 32-bit pointers) to $PROFILE_OUT. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How often a value was seen at one place of the code: the target of an indirect call, a copy's size. */
typedef struct Node { uint64_t value, count; struct Node *next; } Node;
/* One function, as the compiler lays it out. */
typedef struct {
    uint64_t name, hash;
    uint32_t counters, bitmap;
    void *function;
    Node **values;
    uint32_t num_counters;
    uint16_t sites[3];
    uint32_t bitmap_bytes;
} __attribute__((aligned(8))) Data;
_Static_assert(sizeof(Data) == 48, "layout");

extern Data __start___llvm_prf_data[], __stop___llvm_prf_data[];
extern uint64_t __start___llvm_prf_cnts[], __stop___llvm_prf_cnts[];
extern char __start___llvm_prf_names[], __stop___llvm_prf_names[];
extern const uint64_t __llvm_profile_raw_version;
int __llvm_profile_runtime;

/* The mark of patches/0009-meter-macro.patch: the host's, and there is no host here. */
void ophidia_meter(size_t work) { (void)work; }

/* What patches/0021-sockets.patch declares is the bridge's to define: none opens here. */
static int none(void) { errno = ENOSYS; return -1; }
int h_errno;
int socket(int family, int type, int protocol) { return none(); }
int socketpair(int family, int type, int protocol, int *pair) { return none(); }
int connect(int fd, const void *address, unsigned len) { return none(); }
int bind(int fd, const void *address, unsigned len) { return none(); }
int listen(int fd, int backlog) { return none(); }
int getsockname(int fd, void *address, unsigned *len) { return none(); }
int getpeername(int fd, void *address, unsigned *len) { return none(); }
int sendto(int fd, const void *data, size_t size, int flags, const void *address, unsigned len) { return none(); }
int recvfrom(int fd, void *data, size_t size, int flags, void *address, unsigned *len) { return none(); }
int setsockopt(int fd, int level, int name, const void *value, unsigned len) { return none(); }
int getaddrinfo(const char *host, const char *service, const void *hints, void *found) { return -4; }
void freeaddrinfo(void *found) {}
const char *gai_strerror(int error) { return "no sockets"; }
void *gethostbyname(const char *name) { return NULL; }
void *gethostbyaddr(const void *address, unsigned len, int family) { return NULL; }
void *getservbyname(const char *name, const char *protocol) { return NULL; }
void *getservbyport(int port, const char *protocol) { return NULL; }
const char *hstrerror(int error) { return "no sockets"; }
char *inet_ntoa(unsigned address) { return "0.0.0.0"; }
int gethostname(char *name, size_t size) { return none(); }
int getnameinfo(const void *address, unsigned len, char *host, unsigned room, char *service, unsigned rest, int flags) {
    return -4;
}

enum { PER_SITE = 24, POOL = 400000 };
static Node pool[POOL];
static unsigned used;

/* Counts one more of `value`; when a place has seen too many values, the rarest makes room. */
static void record(uint64_t value, Data *data, uint32_t index) {
    if (data->values == NULL) return;
    Node **slot = &data->values[index], *least = NULL;
    unsigned count = 0;
    for (Node *node = *slot; node; node = node->next, count++) {
        if (node->value == value) { node->count++; return; }
        if (!least || node->count < least->count) least = node;
    }
    if (count >= PER_SITE || used >= POOL) {
        if (least && --least->count == 0) { least->value = value; least->count = 1; }
        return;
    }
    Node *node = &pool[used++];
    node->value = value;
    node->count = 1;
    node->next = *slot;
    *slot = node;
}
void __llvm_profile_instrument_target(uint64_t value, void *data, uint32_t index) { record(value, data, index); }
void __llvm_profile_instrument_memop(uint64_t value, void *data, uint32_t index) {
    if (value > 8) {
        if (value >= 513) value = 513;
        else if (value & (value - 1)) value = (UINT64_C(1) << (63 - __builtin_clzll(value))) + 1;
    }
    record(value, data, index);
}

static void put(FILE *file, const void *bytes, size_t size) {
    if (fwrite(bytes, 1, size, file) != size) { fprintf(stderr, "profile: write failed\n"); abort(); }
}

static void dump(void) {
    const char *path = getenv("PROFILE_OUT");
    if (!path) return;
    FILE *file = fopen(path, "wb");
    if (!file) { perror(path); return; }
    Data *begin = __start___llvm_prf_data, *end = __stop___llvm_prf_data;
    uint64_t names = (uint64_t)(__stop___llvm_prf_names - __start___llvm_prf_names);
    uint64_t counters = (uint64_t)(__stop___llvm_prf_cnts - __start___llvm_prf_cnts);
    uint64_t header[16] = {
        UINT64_C(255) << 56 | (uint64_t)'l' << 48 | (uint64_t)'p' << 40 | (uint64_t)'r' << 32
            | (uint64_t)'o' << 24 | (uint64_t)'f' << 16 | (uint64_t)'R' << 8 | 129,
        __llvm_profile_raw_version, 0, (uint64_t)(end - begin), 0, counters, 0, 0, 0, names,
        (uint64_t)((uintptr_t)__start___llvm_prf_cnts - (uintptr_t)begin), 0,
        (uintptr_t)__start___llvm_prf_names, 0, 0, 1};
    put(file, header, sizeof header);
    put(file, begin, (size_t)(end - begin) * sizeof(Data));
    put(file, __start___llvm_prf_cnts, counters * 8);
    put(file, __start___llvm_prf_names, names);
    put(file, "\0\0\0\0\0\0\0", (8 - names % 8) % 8);
    for (Data *data = begin; data < end; data++) {
        static uint64_t buffer[1 << 16];
        uint32_t kinds = 0, site = 0;
        size_t at = 1;
        for (uint32_t kind = 0; kind < 3; kind++) {
            uint32_t sites = data->sites[kind];
            if (!sites) continue;
            kinds++;
            uint32_t *head = (uint32_t *)&buffer[at];
            uint8_t *counts = (uint8_t *)&buffer[at + 1];
            head[0] = kind;
            head[1] = sites;
            at += 1 + (sites + 7) / 8;
            memset(counts, 0, (sites + 7) / 8 * 8);
            for (uint32_t i = 0; i < sites; i++, site++) {
                for (Node *node = data->values ? data->values[site] : NULL; node; node = node->next) {
                    if (at + 2 > sizeof buffer / 8) abort();
                    buffer[at++] = node->value;
                    buffer[at++] = node->count;
                    counts[i]++;
                }
            }
        }
        if (!kinds) continue;
        buffer[0] = (uint64_t)(at * 8) | (uint64_t)kinds << 32;
        put(file, buffer, at * 8);
    }
    if (fclose(file)) perror(path);
}

__attribute__((constructor)) static void start(void) { atexit(dump); }
