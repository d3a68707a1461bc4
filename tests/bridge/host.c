/* The host's functions that the guest imports: honest, and as little as they can be. */

#include "native.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

extern uint32_t bridge_level;

unsigned forgotten;

int answers = 1;

/* --- metering: every so often it is as if the host had something to ask --- */

static unsigned interrupt_after;

static void
metered(void)
{
    if (interrupt_after > 0 && --interrupt_after == 0) {
        const struct ophidia_frame *first = (const void *)(uintptr_t)ophidia_frame();
        *(volatile uint32_t *)(uintptr_t)first->interrupt_flag = 1;
        *(volatile uint32_t *)(uintptr_t)first->eval_breaker |= first->eval_breaker_bits;
    }
}

/* The name by which patches and bridge/interrupt.c know it. */
void ophidia_meter(size_t work);

void
ophidia_meter(size_t work)
{
    (void)work;
    metered();
}

void
ophidia_host_forget(uint32_t what)
{
    (void)what;
    forgotten++;
}

uint32_t
ophidia_host_denied(uint32_t error, uint32_t to, uint32_t room)
{
    static const char text[] = "denied, says the host";
    if (error != EACCES || room < sizeof text - 1) {
        return 0;
    }
    memcpy((void *)(uintptr_t)to, text, sizeof text - 1);
    return sizeof text - 1;
}

/* --- functions --- */

enum function {
    ECHO,      /* gives its arguments: the only one, or a tuple of them */
    RAISE,     /* raises RuntimeError */
    ENTER,     /* runs `entered()` one level further in and gives what that gives */
    WAIT,      /* is awaited: gives its argument when it is attended to */
    LONG,      /* gives so many bytes */
    CUT,       /* gives the first bytes of a value, as many as it is told */
    INTERRUPT, /* asks for a KeyboardInterrupt after so many marks of metering */
    OBJECT,    /* gives an object of the host */
    CARRY,     /* copies so many bytes from one address to another, as the host carries messages */
    FUNCTIONS
};

static const struct {
    const char *name;
    int is_awaited;
    uint32_t want;
} functions[FUNCTIONS] = {
    [ECHO] = {"echo", 0, OPHIDIA_WANT_VALUE},
    [RAISE] = {"fail", 0, OPHIDIA_WANT_PLAIN},
    [ENTER] = {"enter", 0, OPHIDIA_WANT_HANDLE},
    [WAIT] = {"wait", 1, OPHIDIA_WANT_VALUE},
    [LONG] = {"long", 0, OPHIDIA_WANT_VALUE},
    [CUT] = {"cut", 0, OPHIDIA_WANT_VALUE},
    [INTERRUPT] = {"interrupt", 0, OPHIDIA_WANT_VALUE},
    [OBJECT] = {"thing", 0, OPHIDIA_WANT_OBJECTS_0},
    [CARRY] = {"carry", 0, OPHIDIA_WANT_VALUE},
};

void
give_functions(void)
{
    for (uint32_t i = 0; i < FUNCTIONS; i++) {
        struct bytes operands = {0};
        put_handle(&operands, evaluate("globals()"));
        put_text(&operands, functions[i].name);
        put_byte(&operands, OPHIDIA_ENCODED_FUNCTION);
        put_word(&operands, i);
        put_count(&operands, OPHIDIA_ENCODED_TUPLE, 5);
        put_text(&operands, functions[i].name);
        put_byte(&operands, OPHIDIA_ENCODED_NONE);
        put_byte(&operands, OPHIDIA_ENCODED_NONE);
        put_byte(&operands, functions[i].is_awaited ? OPHIDIA_ENCODED_TRUE : OPHIDIA_ENCODED_FALSE);
        put_int(&operands, functions[i].want);
        uint32_t status = operate(OPHIDIA_OPERATION_SET_ITEM, &operands, 3, 0, OPHIDIA_WANT_NOTHING);
        EXPECT(status == OPHIDIA_STATUS_OK, "%s", text_of(OPHIDIA_SLOT_MESSAGE));
        free(operands.data);
    }
}

/* Writes the answer to where the guest reads it. */
static uint32_t
answer(struct bytes *value, uint32_t flags)
{
    void *to = (void *)(uintptr_t)ophidia_buffer((uint32_t)value->len);
    EXPECT(to != NULL, "no memory");
    memcpy(to, value->data, value->len);
    uint32_t len = (uint32_t)value->len;
    free(value->data);
    return len | flags;
}

static uint32_t
nothing(void)
{
    frame()->operands[0] = (struct ophidia_slot){.tag = OPHIDIA_TAG_NONE};
    return OPHIDIA_IN_SLOT;
}

/* The first argument, where it is a number. */
static uint32_t
first_number(const unsigned char *data, uint32_t len)
{
    if (len == OPHIDIA_IN_SLOT) {
        return (uint32_t)frame()->operands[0].payload;
    }
    uint32_t number = 0;
    memcpy(&number, data + 1, data[0] == OPHIDIA_ENCODED_INT ? 4 : 0);
    return number;
}

static uint32_t
echo(const unsigned char *data, uint32_t len, uint32_t count)
{
    struct bytes value = {0};
    if (len == OPHIDIA_IN_SLOT) {
        return count == 1 ? OPHIDIA_IN_SLOT : nothing();
    }
    put_count(&value, OPHIDIA_ENCODED_TUPLE, count);
    put(&value, data, len);
    return answer(&value, 0);
}

static uint32_t
fail(void)
{
    struct bytes value = {0};
    put_count(&value, OPHIDIA_ENCODED_TUPLE, 2);
    put_text(&value, "RuntimeError");
    put_text(&value, "as it was asked to");
    return answer(&value, OPHIDIA_RAISED);
}

static uint32_t
enter(void)
{
    uint32_t status = run(OPHIDIA_MODE_EVAL, "entered()", OPHIDIA_WANT_VALUE);
    read_frame(status);
    return status == OPHIDIA_STATUS_OK ? nothing() : fail();
}

static uint32_t
long_bytes(uint32_t len)
{
    struct bytes value = {0};
    put_count(&value, OPHIDIA_ENCODED_BYTES, len);
    for (uint32_t i = 0; i < len; i++) {
        put_byte(&value, i);
    }
    return answer(&value, OPHIDIA_CONVERTED);
}

static uint32_t
cut(uint32_t len)
{
    struct bytes value = {0};
    put_count(&value, OPHIDIA_ENCODED_LIST, 2);
    put_int(&value, 1);
    put_text(&value, "text");
    value.len = len < value.len ? len : value.len;
    return answer(&value, 0);
}

/* The values of calls that are awaited, encoded, by their numbers, of which none comes again; nothing is left of one that
   was cancelled or told of. */
#define MOST_STARTED 64
static struct bytes started[MOST_STARTED];
static uint32_t starts;

static uint32_t
cancel(uint64_t number)
{
    started[number % MOST_STARTED].len = 0;
    return nothing();
}

/* As the host tells of calls that have ended: (number, whether it failed, value) of each. */
static uint32_t
attend(void)
{
    struct bytes value = {0};
    uint32_t count = 0, first = starts < MOST_STARTED ? 0 : starts - MOST_STARTED;
    for (uint32_t i = first; i < starts; i++) {
        count += started[i % MOST_STARTED].len > 0;
    }
    put_count(&value, OPHIDIA_ENCODED_LIST, count);
    for (uint32_t i = first; i < starts; i++) {
        struct bytes *one = &started[i % MOST_STARTED];
        if (one->len > 0) {
            put_count(&value, OPHIDIA_ENCODED_TUPLE, 3);
            put_int(&value, i);
            put_byte(&value, OPHIDIA_ENCODED_FALSE);
            put(&value, one->data, one->len);
        }
        one->len = 0;
    }
    return answer(&value, 0);
}

static uint32_t
start(const unsigned char *data, uint32_t len)
{
    struct bytes value = {0}, *kept = &started[starts % MOST_STARTED];
    EXPECT(kept->len == 0, "more is awaited than there is room for");
    const struct ophidia_slot *first = &frame()->operands[0];
    put_int(&value, starts++);
    if (len != OPHIDIA_IN_SLOT) {
        put(kept, data, len);
    }
    else if (first->tag == OPHIDIA_TAG_STR) {
        put_count(kept, OPHIDIA_ENCODED_STR, first->len);
        put(kept, (const void *)(uintptr_t)first->payload, first->len);
    }
    else {
        put_int(kept, (long long)first->payload);
    }
    return answer(&value, 0);
}

static uint32_t
object(void)
{
    static uint32_t number = 1000;
    struct bytes value = {0};
    put_byte(&value, OPHIDIA_ENCODED_HOST_OBJECT);
    put_word(&value, number++);
    return answer(&value, 0);
}

static uint32_t
carry(uint32_t len, uint32_t count)
{
    EXPECT(len == OPHIDIA_IN_SLOT && count == 3, "carry(address, length, address)");
    const struct ophidia_slot *given = frame()->operands;
    memcpy((void *)(uintptr_t)given[2].payload, (const void *)(uintptr_t)given[0].payload, (size_t)given[1].payload);
    return nothing();
}

uint32_t
ophidia_host_call(uint32_t function, uint32_t arguments, uint32_t len, uint32_t count, uint32_t keywords, uint32_t level)
{
    const unsigned char *data = (const unsigned char *)(uintptr_t)arguments;
    EXPECT(level == bridge_level, "a call says level %u, at level %u", level, bridge_level);
    if (len != OPHIDIA_IN_SLOT) {
        const unsigned char *at = data;
        for (uint32_t i = 0; i < count + (keywords > 0); i++) {
            at = walk(at, data + len);
        }
        EXPECT(at == data + len, "a call has more arguments than it says");
    }
    if (!answers) {
        return fail();
    }
    switch (function) {
    case OPHIDIA_ATTEND:
        return frame()->operands[0].tag == OPHIDIA_TAG_INT ? cancel(frame()->operands[0].payload) : attend();
    case ECHO:
        return echo(data, len, count + (keywords > 0));
    case RAISE:
        return fail();
    case ENTER:
        return enter();
    case WAIT:
        return start(data, len);
    case LONG:
        return long_bytes(first_number(data, len));
    case CUT:
        return cut(first_number(data, len));
    case INTERRUPT:
        interrupt_after = first_number(data, len);
        return nothing();
    case OBJECT:
        return object();
    case CARRY:
        return carry(len, count);
    }
    return fail(); /* one that the guest has by what was changed at random */
}

/* --- descriptors, sockets and TLS: what they write is written, whole --- */

uint32_t
ophidia_host_duplicate(uint32_t fd, uint32_t onto, uint32_t to)
{
    int number = onto == UINT32_MAX ? dup((int)fd) : dup2((int)fd, (int)onto);
    memcpy((void *)(uintptr_t)to, &number, 4);
    return number < 0 ? (uint32_t)errno : 0;
}

static uint32_t
give(uint32_t to, uint32_t word)
{
    memcpy((void *)(uintptr_t)to, &word, 4);
    return 0;
}

static void
give_record(uint32_t to, unsigned family)
{
    unsigned char record[OPHIDIA_ADDRESS] = {[0] = (unsigned char)family, [2] = 80, [8] = 127, [11] = 1};
    memcpy((void *)(uintptr_t)to, record, sizeof record);
}

uint32_t
ophidia_host_socket_open(uint32_t family, uint32_t to)
{
    (void)family;
    int fd = open("/dev/null", O_RDWR);
    return fd < 0 ? (uint32_t)errno : give(to, (uint32_t)fd);
}

uint32_t
ophidia_host_socket_pair(uint32_t to)
{
    int pair[2];
    if (pipe(pair) < 0) {
        return (uint32_t)errno;
    }
    memcpy((void *)(uintptr_t)to, pair, sizeof pair);
    return 0;
}

uint32_t
ophidia_host_socket_connect(uint32_t fd, uint32_t from)
{
    unsigned char record[OPHIDIA_ADDRESS];
    memcpy(record, (const void *)(uintptr_t)from, sizeof record);
    return fd == UINT32_MAX ? EBADF : record[8] == 127 ? 0
                                                       : EACCES;
}

uint32_t
ophidia_host_socket_name(uint32_t fd, uint32_t peer, uint32_t to)
{
    give_record(to, peer ? OPHIDIA_FAMILY_V6 : OPHIDIA_FAMILY_V4);
    return fd == UINT32_MAX ? EBADF : 0;
}

uint32_t
ophidia_host_socket_get(uint32_t fd, uint32_t option, uint32_t to)
{
    (void)fd;
    return give(to, option);
}

uint32_t
ophidia_host_socket_set(uint32_t fd, uint32_t option, uint32_t value)
{
    (void)fd, (void)value;
    return option == OPHIDIA_SOCKET_ERROR ? EINVAL : 0;
}

/* More addresses than there is room for; some names are refused. */
uint32_t
ophidia_host_socket_resolve(uint32_t name, uint32_t name_len, uint32_t to, uint32_t room, uint32_t count)
{
    const char *text = (const char *)(uintptr_t)name;
    EXPECT(strnlen(text, name_len) == name_len, "a name is shorter than it is said to be");
    if (name_len > 0 && text[0] == 'x') {
        return text[1] == 'x' ? ENOENT : EACCES;
    }
    for (uint32_t i = 0; i < room; i++) {
        give_record(to + i * OPHIDIA_ADDRESS, i % 2 ? OPHIDIA_FAMILY_V6 : OPHIDIA_FAMILY_V4);
    }
    return give(count, room + 5);
}

uint32_t
ophidia_host_tls_open(uint32_t settings, uint32_t len, uint32_t to)
{
    static volatile unsigned sum;
    for (uint32_t i = 0; i < len; i++) {
        sum += ((const unsigned char *)(uintptr_t)settings)[i];
    }
    return give(to, 77);
}

uint32_t
ophidia_host_tls_trust(uint32_t certificates, uint32_t len, uint32_t to)
{
    return ophidia_host_tls_open(certificates, len, to);
}

uint32_t
ophidia_host_tls_attach(uint32_t tls, uint32_t fd)
{
    (void)fd;
    return tls == 77 ? 0 : EBADF;
}

uint32_t
ophidia_host_tls_handshake(uint32_t tls)
{
    return tls == 77 ? 0 : (uint32_t)(OPHIDIA_TLS_FIRST_ERROR - EBADF);
}

static uint32_t
fill(uint32_t tls, uint32_t at, uint32_t len)
{
    memset((void *)(uintptr_t)at, 'x', len);
    return tls == 77 ? len : (uint32_t)(OPHIDIA_TLS_FIRST_ERROR - EBADF);
}

uint32_t
ophidia_host_tls_read(uint32_t tls, uint32_t at, uint32_t len)
{
    return fill(tls, at, len);
}

static uint32_t
drain(uint32_t tls, uint32_t at, uint32_t len)
{
    uint32_t unused;
    ophidia_host_tls_open(at, len, address(&unused));
    return tls == 77 ? len : (uint32_t)(OPHIDIA_TLS_FIRST_ERROR - EBADF);
}

uint32_t
ophidia_host_tls_write(uint32_t tls, uint32_t at, uint32_t len)
{
    return drain(tls, at, len);
}

uint32_t
ophidia_host_tls_shutdown(uint32_t tls)
{
    return ophidia_host_tls_handshake(tls);
}

uint32_t
ophidia_host_tls_feed(uint32_t tls, uint32_t at, uint32_t len)
{
    return drain(tls, at, len);
}

uint32_t
ophidia_host_tls_take(uint32_t tls, uint32_t at, uint32_t room)
{
    return fill(tls, at, room / 2);
}

/* There is more than fits at first. */
uint32_t
ophidia_host_tls_about(uint32_t tls, uint32_t what, uint32_t at, uint32_t room)
{
    uint32_t len = what == OPHIDIA_TLS_PENDING ? 4 : what * 200;
    uint32_t given = fill(tls, at, len < room ? len : room);
    return (int32_t)given < 0 ? given : len;
}
